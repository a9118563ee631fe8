import { piecesOf, type Sentence } from './sentence.ts'

/** Renders a sentence; each user name is isolated from the text direction around it. */
export function SentenceText({ sentence }: { sentence: Sentence }) {
  return <>{sentence.map((part) => (typeof part === 'string' ? part : <UserName userId={part.name} />))}</>
}

/**
 * A user's id, safe against bidirectional spoofing: it is isolated from the surrounding text, and directional control
 * characters in it are shown as replacement characters.
 */
export function UserName({ userId }: { userId: string }) {
  return (
    <bdi>
      {piecesOf(userId).map((piece, index) =>
        index % 2 === 0 ? (
          piece
        ) : (
          <span class="directional">
            <span hidden>{piece}</span>
          </span>
        ),
      )}
    </bdi>
  )
}
