import { piecesOf, type Sentence } from './sentence.ts'

/** A sentence with its names in isolation. */
export function SentenceText({ sentence }: { sentence: Sentence }) {
  return <>{sentence.map((part) => (typeof part === 'string' ? part : <UserName userId={part.name} />))}</>
}

/**
 * Somebody's id. It neither turns the text around it nor shows in another order than it is spelled: characters that change
 * the direction are shown as unknown ones.
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
