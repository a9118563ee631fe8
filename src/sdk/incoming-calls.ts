import { incomingCallOf, roomOf } from './convert.ts'
import type { Emitter, RtcListener } from './events.ts'
import { type Gateway, isRetryable } from './gateway.ts'
import { BlockedUsersDocument, GetRoomDocument, IncomingCallsDocument } from './generated/graphql.ts'
import { type ImOptions, ImRings } from './im.ts'
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
  /** WukongIM, if rings arrive through it, too. */
  readonly im: ImOptions | undefined
  readonly token: () => string
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
  readonly #im: ImRings | undefined
  /** Rings of WukongIM that the gateway is to confirm. */
  readonly #unconfirmed = new Set<string>()
  #ringing: readonly Room[] = []
  #unsubscribe: (() => void) | undefined

  constructor(options: IncomingCallsOptions) {
    this.#options = options
    const { im, userId, token } = options
    this.#im = im && new ImRings({ options: im, uid: userId, token, onRing: (roomId) => void this.#confirm(roomId) })
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
    this.#im?.stop()
    this.#unconfirmed.clear()
    this.#rooms.clear()
    this.#ringing = []
  }

  /** Call after the connection to the gateway was restored. */
  reconnected(): void {
    for (const room of this.#rooms.values()) void this.#reconcile(room)
  }

  /** Subscribes once the device id is known: `answeredHere` compares it, and a new tab needs a moment to find it. */
  #start(): void {
    this.#im?.start()
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
    this.#unconfirmed.delete(id)
    const isRinging = call.type === 'ringing'
    if (isRinging === this.#rooms.has(id)) return
    this.#replayRinging()
    if (isRinging) this.#rooms.set(id, call.room)
    else this.#rooms.delete(id)
    this.#ringing = [...this.#rooms.values()]
    this.#options.emitter.emit('incomingCall', call)
  }

  /**
   * Lets a call ring that WukongIM has announced, unless the gateway contradicts. What the subscription says meanwhile takes
   * precedence.
   */
  async #confirm(roomId: string): Promise<void> {
    if (this.#rooms.has(roomId) || this.#unconfirmed.has(roomId)) return
    const { gateway, userId } = this.#options
    this.#unconfirmed.add(roomId)
    try {
      const [{ room: found }, { blockedUsers }] = await Promise.all([
        gateway.request(GetRoomDocument, { id: roomId }),
        gateway.request(BlockedUsersDocument, {}),
      ])
      if (!found || !this.#unconfirmed.has(roomId)) return
      const room = roomOf(found)
      const rings = room.participants.some((own) => own.userId === userId() && own.state === 'invited')
      const isBlocked = blockedUsers.some((blocked) => [room.callerId, room.hostId].includes(blocked.userId))
      if (!rings || room.status === 'ended' || isBlocked) return
      this.#emit({ type: 'ringing', room, deviceId: null, answeredHere: false, at: new Date().toISOString() })
      // The call may have ended before the subscription could know that it rang.
      await this.#reconcile(room)
    } catch {
      // The subscription reports the call if it exists.
    } finally {
      this.#unconfirmed.delete(roomId)
    }
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
