import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { ConnectionState, Room, Track } from '../sdk/index.ts'
import { Icon } from './icons.tsx'
import { ParticipantTile } from './participant-tile.tsx'
import { tilesOf } from './tiles.ts'

/** The tiles of all participants, and the playback of their audio. */
export function Stage(call: {
  room: Room
  userId: string
  tracks: readonly Track[]
  media: ReadonlyMap<string, ConnectionState>
}) {
  const { present, absent } = tilesOf(call)
  const [autoplayBlocked, setAutoplayBlocked] = useState(false)
  const sounds = useRef<HTMLDivElement>(null)
  const screens = present.filter(({ kind }) => kind === 'screen').length
  const people = present.length - screens
  const layout = screens > 0 ? 'screen' : present.length === 2 ? 'pair' : 'grid'

  /** A click is a user gesture, after which the browser permits playback. */
  function unlock() {
    setAutoplayBlocked(false)
    for (const sound of sounds.current?.querySelectorAll('audio') ?? [])
      sound.play().catch(() => setAutoplayBlocked(true))
  }

  return (
    <section class="stage" aria-label="Participants">
      <div
        class="tiles"
        data-layout={layout}
        data-count={Math.min(present.length, 9)}
        style={{ '--screens': screens, '--people': people }}
      >
        {present.map((tile) => (
          <ParticipantTile key={tile.key} tile={tile} />
        ))}
      </div>
      {absent.length > 0 && (
        <div class="absent">
          {absent.map((tile) => (
            <ParticipantTile key={tile.key} tile={tile} />
          ))}
        </div>
      )}
      <div ref={sounds}>
        {call.tracks
          .filter(({ local, kind }) => !local && kind === 'audio')
          .map((track) => (
            <RemoteAudio
              key={`${track.userId} ${track.mediaStreamTrack.id}`}
              track={track}
              onBlocked={() => setAutoplayBlocked(true)}
            />
          ))}
      </div>
      {autoplayBlocked && (
        <button type="button" class="button primary unlock" onClick={unlock}>
          <Icon name="speaker" /> Turn the sound on
        </button>
      )}
    </section>
  )
}

function RemoteAudio({ track, onBlocked }: { track: Track; onBlocked: () => void }) {
  const audio = useRef<HTMLAudioElement>(null)
  const stream = useMemo(() => new MediaStream([track.mediaStreamTrack]), [track.mediaStreamTrack])
  useEffect(() => {
    if (!audio.current) return
    audio.current.srcObject = stream
    audio.current.play().catch((error: unknown) => {
      // Only autoplay blocking; removing the element before playback starts rejects with AbortError.
      if (error instanceof DOMException && error.name === 'NotAllowedError') onBlocked()
    })
  }, [stream])
  return <audio ref={audio} autoplay data-user={track.userId} data-source={track.source} />
}
