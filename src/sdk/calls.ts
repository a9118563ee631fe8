import { incomingCallOf, roomOf } from './convert.ts'
import type { Emitter, RtcListener } from './events.ts'
import { backoff, pause } from './backoff.ts'
import { type Gateway, isRetryable } from './gateway.ts'
import { GetRoomDocument, IncomingCallsDocument } from './generated/graphql.ts'
import type { IncomingCall, IncomingCallType, Participant, ParticipantState, Room } from './model.ts'
import type { Socket } from './socket.ts'

export interface CallsOptions {
  readonly gateway: Gateway
  readonly socket: Socket
  readonly emitter: Emitter
  readonly userId: () => string
  /** The id of this device, once it is known. */
  readonly deviceId: () => string | undefined
  /** Resolves once {@link CallsOptions.deviceId} is known. */
  readonly deviceKnown: () => Promise<unknown>
  /** Whether this client is in the room. */
  readonly isIn: (roomId: string) => boolean
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
 * What rings for the user, while somebody listens. After each reconnection the gateway tells what rings now, and what has
 * stopped ringing meanwhile is looked up, so that each call told as ringing is told as over exactly once. A listener that
 * comes later is told first what rings already, so that none hears the end of a call whose beginning it has not heard.
 */
export class Calls {
  readonly #options: CallsOptions
  readonly #rooms = new Map<string, Room>()
  readonly #newcomers = new Set<RtcListener<'incomingCall'>>()
  #ringing: readonly Room[] = []
  #leave: (() => void) | undefined

  constructor(options: CallsOptions) {
    this.#options = options
  }

  /** What rings now; another array whenever it has changed. */
  get ringing(): readonly Room[] {
    return this.#ringing
  }

  /** Tells the listener what rings, then what changes. */
  join(listener: RtcListener<'incomingCall'>): void {
    this.#newcomers.add(listener)
    queueMicrotask(() => this.#greet())
    if (!this.#leave) this.#start()
  }

  stop(): void {
    this.#leave?.()
    this.#leave = undefined
    this.#rooms.clear()
    this.#ringing = []
  }

  /** The connection was lost and is there again. */
  reconnected(): void {
    for (const room of this.#rooms.values()) void this.#check(room)
  }

  /** Whether a call was answered here shows by the device's id, which takes a moment to find in a new tab. */
  #start(): void {
    const stopped = new AbortController()
    this.#leave = () => stopped.abort()
    const subscribe = () => {
      if (!stopped.signal.aborted) this.#subscribe()
    }
    void this.#options.deviceKnown().then(subscribe, subscribe)
  }

  #subscribe(): void {
    const { socket, emitter } = this.#options
    this.#leave = socket.subscribe(
      IncomingCallsDocument,
      {},
      {
        next: ({ incomingCall }) => {
          const call = incomingCallOf(incomingCall)
          const answeredHere = call.type === 'answered' && call.deviceId === this.#options.deviceId()
          this.#tell({ ...call, answeredHere })
        },
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
    if (!this.#leave && this.#options.emitter.has('incomingCall')) this.#subscribe()
  }

  #greet(): void {
    const newcomers = [...this.#newcomers]
    this.#newcomers.clear()
    for (const room of this.#ringing) {
      const call = { type: 'ringing', room, deviceId: null, answeredHere: false, at: new Date().toISOString() } as const
      for (const listener of newcomers) this.#options.emitter.emit('incomingCall', call, listener)
    }
  }

  #tell(call: IncomingCall): void {
    const { id } = call.room
    const isRinging = call.type === 'ringing'
    if (isRinging === this.#rooms.has(id)) return
    this.#greet()
    if (isRinging) this.#rooms.set(id, call.room)
    else this.#rooms.delete(id)
    this.#ringing = [...this.#rooms.values()]
    this.#options.emitter.emit('incomingCall', call)
  }

  async #check(told: Room): Promise<void> {
    const { gateway, userId, deviceId, isIn } = this.#options
    try {
      const answer = await gateway.request(GetRoomDocument, { id: told.id })
      const room = answer.room ? roomOf(answer.room) : told
      const place = room.participants.find((participant) => participant.userId === userId())
      if (place?.state === 'invited' && room.status !== 'ended') return
      const type = outcomeOf(place)
      const answeredHere = type === 'answered' && isIn(room.id)
      const at = place?.leftAt ?? room.endedAt ?? new Date().toISOString()
      this.#tell({ type, room, deviceId: (answeredHere && deviceId()) || null, answeredHere, at })
    } catch (error) {
      // The connection is lost again; so is this looked up again. Otherwise it is not theirs to read any more.
      if (isRetryable(error)) return
      const at = new Date().toISOString()
      this.#tell({ type: 'cancelled', room: told, deviceId: null, answeredHere: false, at })
    }
  }
}
