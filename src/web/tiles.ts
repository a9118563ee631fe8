import type { ConnectionState, MediaSource, Participant, ParticipantState, Room, Track } from '../sdk/index.ts'

/** The state that a tile shows; `reconnecting` during the grace of a lost connection. */
export type TileState = Exclude<ParticipantState, 'invited'> | 'ringing' | 'reconnecting'

/** One tile on the stage. */
export interface Tile {
  readonly key: string
  readonly userId: string
  readonly self: boolean
  readonly kind: 'person' | 'screen'
  readonly state: TileState
  /** State of the media connection to this peer; undefined for the user's own tile and before there is a connection. */
  readonly media: ConnectionState | undefined
  readonly muted: boolean
  readonly cameraOff: boolean
  /** Undefined: the tile shows the avatar. */
  readonly video: MediaStreamTrack | undefined
}

export interface Tiles {
  /** Shared screens first, then the others in the order they were added, then the user. */
  readonly present: readonly Tile[]
  /** Participants who have left, declined, missed the call or been removed. */
  readonly absent: readonly Tile[]
}

export function tilesOf(call: {
  readonly room: Room
  readonly userId: string
  readonly tracks: readonly Track[]
  /** By user id. */
  readonly media: ReadonlyMap<string, ConnectionState>
}): Tiles {
  const { room, userId, tracks, media } = call
  const picture = (id: string, source: MediaSource) =>
    tracks.find((track) => track.userId === id && track.kind === 'video' && track.source === source)?.mediaStreamTrack

  const people = room.participants.map((participant): Tile => {
    const self = participant.userId === userId
    const camera = self ? isPublished(tracks, 'camera') : participant.video
    const microphone = self ? isPublished(tracks, 'microphone') : participant.audio
    const present = isPresent(participant)
    return {
      key: participant.userId,
      userId: participant.userId,
      self,
      kind: 'person',
      state: tileState(participant),
      media: self ? undefined : media.get(participant.userId),
      muted: !microphone,
      cameraOff: !camera,
      video:
        camera && present && media.get(participant.userId) !== 'unreachable'
          ? picture(participant.userId, 'camera')
          : undefined,
    }
  })
  const present = people.filter((_, index) => isPresent(room.participants[index]))
  const screens = present.flatMap((tile): Tile[] => {
    const video = picture(tile.userId, 'screen')
    return video ? [{ ...tile, key: `${tile.key} screen`, kind: 'screen', video }] : []
  })
  return {
    present: [...screens, ...present.filter(({ self }) => !self), ...present.filter(({ self }) => self)],
    absent: people.filter((tile) => !present.includes(tile)),
  }
}

/** Whether this user publishes a source; a muted microphone has a track that is disabled. */
export const isPublished = (tracks: readonly Track[], source: MediaSource): boolean =>
  tracks.some((track) => track.local && track.source === source && track.mediaStreamTrack.enabled)

const isPresent = (participant: Participant | undefined): boolean =>
  participant?.state === 'invited' || participant?.state === 'joined'

function tileState({ state, connected }: Participant): TileState {
  if (state === 'invited') return 'ringing'
  return state === 'joined' && !connected ? 'reconnecting' : state
}
