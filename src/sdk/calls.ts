import { incomingCallOf, roomOf } from './convert.ts'
import type { Emitter } from './events.ts'
import type { Gateway } from './gateway.ts'
import { GetRoomDocument, IncomingCallsDocument } from './generated/graphql.ts'
import type { IncomingCall, IncomingCallType, ParticipantState, Room } from './model.ts'
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
        },
      },
    )
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
      this.#tell({ type: OUTCOMES[place?.state ?? 'removed'], room, deviceId: null, at })
    } catch {
      // The connection is lost again; so is this told again.
    }
  }
}
