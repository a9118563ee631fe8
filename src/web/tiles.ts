import type { ConnectionState, MediaSource, Participant, ParticipantState, Room, Track } from '../sdk/index.ts'

/** What a tile says of its participant; `reconnecting` while the grace of a lost connection runs. */
export type TileState = Exclude<ParticipantState, 'invited'> | 'ringing' | 'reconnecting'

/** One picture on the stage. */
export interface Tile {
  readonly key: string
  readonly userId: string
  readonly self: boolean
  readonly kind: 'person' | 'screen'
  readonly state: TileState
  /** How the way to this peer stands; undefined for oneself, and before there is one. */
  readonly media: ConnectionState | undefined
  readonly muted: boolean
  readonly cameraOff: boolean
  /** Undefined: there is no picture to show. */
  readonly video: MediaStreamTrack | undefined
}

export interface Tiles {
  /** Screens first, then people in the order they came, oneself last. */
  readonly present: readonly Tile[]
  /** Those who are out of the call. */
  readonly absent: readonly Tile[]
}

export function tilesOf(call: {
  readonly room: Room
  readonly userId: string
  readonly tracks: readonly Track[]
  /** By user. */
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

/** Whether one publishes a source oneself; a muted microphone stays open. */
export const isPublished = (tracks: readonly Track[], source: MediaSource): boolean =>
  tracks.some((track) => track.local && track.source === source && track.mediaStreamTrack.enabled)

const isPresent = (participant: Participant | undefined): boolean =>
  participant?.state === 'invited' || participant?.state === 'joined'

function tileState({ state, connected }: Participant): TileState {
  if (state === 'invited') return 'ringing'
  return state === 'joined' && !connected ? 'reconnecting' : state
}
