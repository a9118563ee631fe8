import { incomingCallOf, roomOf } from './convert.ts'
import type { Emitter } from './events.ts'
import { backoff, pause } from './backoff.ts'
import { type Gateway, isPassing } from './gateway.ts'
import { GetRoomDocument, IncomingCallsDocument } from './generated/graphql.ts'
import type { IncomingCall, IncomingCallType, Participant, ParticipantState, Room } from './model.ts'
import type { Socket } from './socket.ts'

export interface CallsOptions {
  readonly gateway: Gateway
  readonly socket: Socket
  readonly emitter: Emitter
  readonly userId: () => string
}

/** What an invitation has become that rings no more. */
const OUTCOMES: Readonly<Record<ParticipantState, Exclude<IncomingCallType, 'ringing'>>> = {
  invited: 'cancelled',
  joined: 'answered',
  left: 'answered',
  rejected: 'rejected',
  missed: 'missed',
  removed: 'cancelled',
}

/** Leaving without having joined declines. */
const outcomeOf = (place: Participant | undefined) =>
  place?.state === 'left' && place.joinedAt === null ? 'rejected' : OUTCOMES[place?.state ?? 'removed']

/**
 * What rings for the user, while somebody listens. The gateway tells what rings now each time that the connection is there
 * again; what has ceased to ring in between is looked up, so each call that was told as ringing is told as over, once.
 */
export class Calls {
  readonly #options: CallsOptions
  readonly #ringing = new Map<string, Room>()
  #leave: (() => void) | undefined

  constructor(options: CallsOptions) {
    this.#options = options
  }

  start(): void {
    const { socket, emitter } = this.#options
    this.#leave ??= socket.subscribe(
      IncomingCallsDocument,
      {},
      {
        next: ({ incomingCall }) => this.#tell(incomingCallOf(incomingCall)),
        end: (error) => {
          this.#leave = undefined
          if (error) emitter.emit('error', error)
          else void this.#startAgain()
        },
      },
    )
  }

  /** A gateway that completes the stream expects its reader back. */
  async #startAgain(): Promise<void> {
    await pause(backoff(1))
    if (this.#options.emitter.has('incomingCall')) this.start()
  }

  stop(): void {
    this.#leave?.()
    this.#leave = undefined
    this.#ringing.clear()
  }

  /** The connection was lost and is there again. */
  reconnected(): void {
    for (const room of this.#ringing.values()) void this.#check(room)
  }

  #tell(call: IncomingCall): void {
    const { id } = call.room
    const isRinging = call.type === 'ringing'
    if (isRinging === this.#ringing.has(id)) return
    if (isRinging) this.#ringing.set(id, call.room)
    else this.#ringing.delete(id)
    this.#options.emitter.emit('incomingCall', call)
  }

  async #check(told: Room): Promise<void> {
    const { gateway, userId } = this.#options
    try {
      const answer = await gateway.request(GetRoomDocument, { id: told.id })
      const room = answer.room ? roomOf(answer.room) : told
      const place = room.participants.find((participant) => participant.userId === userId())
      if (place?.state === 'invited' && room.status !== 'ended') return
      const at = place?.leftAt ?? room.endedAt ?? new Date().toISOString()
      this.#tell({ type: outcomeOf(place), room, deviceId: null, at })
    } catch (error) {
      // The connection is lost again; so is this looked up again. Otherwise it is not theirs to read any more.
      if (isPassing(error)) return
      this.#tell({ type: 'cancelled', room: told, deviceId: null, at: new Date().toISOString() })
    }
  }
}
