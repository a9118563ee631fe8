import { useEffect, useRef } from 'preact/hooks'
import { Avatar } from './avatar.tsx'
import { Icon } from './icons.tsx'
import { UserName } from './sentence-text.tsx'
import type { Tile } from './tiles.ts'

const STATES: Readonly<Record<Tile['state'], string>> = {
  ringing: 'Ringing…',
  joined: '',
  reconnecting: 'Reconnecting…',
  left: 'Left',
  rejected: 'Declined',
  missed: 'No answer',
  removed: 'Removed',
}

const PEER_STATES = {
  connecting: 'Connecting…',
  connected: '',
  reconnecting: 'Reconnecting…',
  unreachable: 'Not reachable',
  disconnected: 'No connection',
}

/** One participant, or the shared screen of one. */
export function ParticipantTile({ tile }: { tile: Tile }) {
  const { userId, self, kind, state, media, muted, cameraOff, video } = tile
  const label = STATES[state] || (media && PEER_STATES[media])
  return (
    <div
      class="tile"
      role="group"
      aria-label={kind === 'screen' ? `Screen of ${userId}` : userId}
      data-state={state}
      data-media={media}
      data-kind={kind}
      data-self={self}
      data-muted={muted}
      data-camera={cameraOff ? 'off' : 'on'}
    >
      {video ? (
        <Video track={video} userId={userId} mirrored={self && kind === 'person'} whole={kind === 'screen'} />
      ) : (
        <Avatar userId={userId} />
      )}
      {label && <span class="tile-state">{label}</span>}
      <footer class="tile-name">
        <span class="name">
          <UserName userId={userId} />
          {kind === 'screen' && '’s screen'}
          {self && kind === 'person' && <span class="you"> (you)</span>}
        </span>
        {kind === 'person' && state === 'joined' && (
          <>
            {muted && <Mark icon="microphoneOff" text="Microphone off" />}
            {cameraOff && <Mark icon="cameraOff" text="Camera off" />}
          </>
        )}
      </footer>
    </div>
  )
}

function Mark({ icon, text }: { icon: 'microphoneOff' | 'cameraOff'; text: string }) {
  return (
    <span class="mark" title={text}>
      <Icon name={icon} />
      <span class="unseen">{text}</span>
    </span>
  )
}

/** Always muted: the stage plays the audio, so that removing a tile does not interrupt it. */
function Video(props: { track: MediaStreamTrack; userId: string; mirrored: boolean; whole: boolean }) {
  const { track, userId, mirrored, whole } = props
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    if (video.current) video.current.srcObject = new MediaStream([track])
  }, [track])
  return (
    <video
      ref={video}
      class={mirrored ? 'mirrored' : whole ? 'whole' : undefined}
      data-user={userId}
      autoplay
      playsInline
      muted
      disablePictureInPicture
    />
  )
}
