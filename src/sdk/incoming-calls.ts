import { incomingCallOf, roomOf } from './convert.ts'
import type { Emitter, RtcListener } from './events.ts'
import { type Gateway, isRetryable } from './gateway.ts'
import { GetRoomDocument, IncomingCallsDocument } from './generated/graphql.ts'
import type { IncomingCall, IncomingCallType, Participant, ParticipantState, Room } from './model.ts'
import type { Socket } from './socket.ts'

export interface IncomingCallsOptions {
  readonly gateway: Gateway
  readonly socket: Socket
  readonly emitter: Emitter
  readonly userId: () => string
  /** The id of this device, once it is known. */
  readonly deviceId: () => string | undefined
  /** Resolves once {@link IncomingCallsOptions.deviceId} is known. */
  readonly resolveDeviceId: () => Promise<unknown>
  /** Whether this client is in the room. */
  readonly isJoined: (roomId: string) => boolean
}

/** How the ring ended, by the participant's state. */
const OUTCOMES: Readonly<Record<ParticipantState, Exclude<IncomingCallType, 'ringing'>>> = {
  invited: 'cancelled',
  joined: 'answered',
  left: 'answered',
  rejected: 'rejected',
  missed: 'missed',
  removed: 'cancelled',
}

/** Leaving without having joined counts as declining. */
const outcomeOf = (own: Participant | undefined) =>
  own?.state === 'left' && own.joinedAt === null ? 'rejected' : OUTCOMES[own?.state ?? 'removed']

/**
 * The rings of the user, while there is a listener for `incomingCall`. After each reconnection the gateway resends what
 * rings now; a call that stopped ringing meanwhile is looked up, so that every `ringing` is followed by exactly one
 * outcome. A listener that is added later first receives the calls that ring already, so it never sees an outcome
 * without a `ringing`.
 */
export class IncomingCalls {
  readonly #options: IncomingCallsOptions
  readonly #rooms = new Map<string, Room>()
  readonly #newListeners = new Set<RtcListener<'incomingCall'>>()
  #ringing: readonly Room[] = []
  #unsubscribe: (() => void) | undefined

  constructor(options: IncomingCallsOptions) {
    this.#options = options
  }

  /** The calls that ring now; a new array after each change. */
  get ringing(): readonly Room[] {
    return this.#ringing
  }

  /** Sends the listener the calls that ring now, then every change. */
  addListener(listener: RtcListener<'incomingCall'>): void {
    this.#newListeners.add(listener)
    queueMicrotask(() => this.#replayRinging())
    if (!this.#unsubscribe) this.#start()
  }

  stop(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#rooms.clear()
    this.#ringing = []
  }

  /** Call after the connection to the gateway was restored. */
  reconnected(): void {
    for (const room of this.#rooms.values()) void this.#reconcile(room)
  }

  /** Subscribes once the device id is known: `answeredHere` compares it, and a new tab needs a moment to find it. */
  #start(): void {
    const stopped = new AbortController()
    this.#unsubscribe = () => stopped.abort()
    const subscribe = () => {
      if (!stopped.signal.aborted) this.#subscribe()
    }
    void this.#options.resolveDeviceId().then(subscribe, subscribe)
  }

  #subscribe(): void {
    const { socket, emitter } = this.#options
    this.#unsubscribe = socket.subscribe(
      IncomingCallsDocument,
      {},
      {
        next: ({ incomingCall }) => {
          const call = incomingCallOf(incomingCall)
          const answeredHere = call.type === 'answered' && call.deviceId === this.#options.deviceId()
          this.#emit({ ...call, answeredHere })
        },
        refused: (error) => {
          this.#unsubscribe = undefined
          emitter.emit('error', error)
        },
      },
    )
  }

  #replayRinging(): void {
    const newListeners = [...this.#newListeners]
    this.#newListeners.clear()
    for (const room of this.#ringing) {
      const call = { type: 'ringing', room, deviceId: null, answeredHere: false, at: new Date().toISOString() } as const
      for (const listener of newListeners) this.#options.emitter.emit('incomingCall', call, listener)
    }
  }

  #emit(call: IncomingCall): void {
    const { id } = call.room
    const isRinging = call.type === 'ringing'
    if (isRinging === this.#rooms.has(id)) return
    this.#replayRinging()
    if (isRinging) this.#rooms.set(id, call.room)
    else this.#rooms.delete(id)
    this.#ringing = [...this.#rooms.values()]
    this.#options.emitter.emit('incomingCall', call)
  }

  async #reconcile(known: Room): Promise<void> {
    const { gateway, userId, deviceId, isJoined } = this.#options
    try {
      const answer = await gateway.request(GetRoomDocument, { id: known.id })
      const room = answer.room ? roomOf(answer.room) : known
      const own = room.participants.find((participant) => participant.userId === userId())
      if (own?.state === 'invited' && room.status !== 'ended') return
      const type = outcomeOf(own)
      const answeredHere = type === 'answered' && isJoined(room.id)
      const at = own?.leftAt ?? room.endedAt ?? new Date().toISOString()
      this.#emit({ type, room, deviceId: (answeredHere && deviceId()) || null, answeredHere, at })
    } catch (error) {
      // Retryable: the next reconnection looks it up again. Otherwise the user may no longer read the room.
      if (isRetryable(error)) return
      const at = new Date().toISOString()
      this.#emit({ type: 'cancelled', room: known, deviceId: null, answeredHere: false, at })
    }
  }
}
