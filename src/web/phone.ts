import {
  type ConnectionState,
  type EndedReason,
  type ErrorCode,
  type MediaSource,
  type MediaType,
  OpenChatClient,
  type Room,
  type RoomUpdate,
  RtcError,
  RTCProviderType,
  type Track,
} from '../sdk/index.ts'
import { forgetCall, recallCall, rememberCall } from './call-memory.ts'
import type { Identity } from './identity.ts'
import { errorSentence, namesOf, ringOverSentence } from './sentences.ts'
import { Store } from './store.ts'

/** Something that went wrong and stays until it is read. */
export interface Notice {
  readonly code: string
  readonly source: MediaSource | undefined
  readonly text: string
}

export interface PhoneState {
  readonly gateway: ConnectionState
  /** What the user has asked for and is still under way, in words. */
  readonly underWay: string | undefined
  /** Calls that ring here. */
  readonly ringing: readonly Room[]
  /** The call that one is in, as of its last event. */
  readonly room: Room | undefined
  /** When its first second began, by this machine's clock, in milliseconds. */
  readonly since: number | undefined
  readonly tracks: readonly Track[]
  /** How the way to each peer stands, by user. */
  readonly media: ReadonlyMap<string, ConnectionState>
  /** Of the call, or of the last one; the newest first. */
  readonly events: readonly RoomUpdate[]
  /** How the last call was over, or how something ceased to ring. */
  readonly over: { readonly room: Room; readonly reason: EndedReason } | { readonly text: string } | undefined
  readonly devices: readonly MediaDeviceInfo[]
  readonly notices: readonly Notice[]
  readonly history: { readonly rooms: readonly Room[]; readonly next: string | null; readonly loaded: boolean }
}

const NO_CALL = {
  room: undefined,
  since: undefined,
  tracks: [],
  media: new Map(),
} as const satisfies Partial<PhoneState>

const HISTORY_PAGE = 10
/** Events that are listed. */
const EVENTS_MAX = 200
const PASSING: readonly ErrorCode[] = ['UNREACHABLE', 'UNAVAILABLE', 'RATE_LIMITED']

/** One user's telephone: the SDK's client, and what a page shows of it. */
export class Phone {
  readonly userId: string
  readonly store = new Store<PhoneState>({
    ...NO_CALL,
    gateway: 'connecting',
    underWay: undefined,
    ringing: [],
    events: [],
    over: undefined,
    devices: [],
    notices: [],
    history: { rooms: [], next: null, loaded: false },
  })
  readonly #client: OpenChatClient
  readonly #aborted = new AbortController()

  constructor({ userId, token }: Identity) {
    this.userId = userId
    this.#client = new OpenChatClient({ server: { baseUrl: location.origin }, auth: { uid: userId, token } })
  }

  get #rtc() {
    return this.#client.rtc
  }

  /** Listens for calls, and goes on with the one that a reload has interrupted. */
  async start(): Promise<void> {
    this.#listen()
    const { signal } = this.#aborted
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#listDevices(), { signal })
    await this.#attempt(() => this.#rtc.init({ provider: RTCProviderType.WEBRTC }))
    const remembered = recallCall(this.userId)
    if (remembered) await this.#enter('Going back to your call…', () => remembered.roomId, remembered.sources)
    await this.loadHistory()
  }

  /** Leaves the call that one is in and gives everything back. */
  async stop(): Promise<void> {
    this.#aborted.abort()
    forgetCall()
    await this.#client.destroy()
  }

  /** One makes a call between two, several a group. */
  call(userIds: readonly string[], mediaType: MediaType): Promise<void> {
    const create = async (): Promise<string> => {
      const [userId = ''] = userIds
      const room = await this.#rtc.createRoom(
        userIds.length > 1 ? { type: 'group', userIds: [...userIds], mediaType } : { type: 'p2p', userId, mediaType },
      )
      return room.id
    }
    return this.#enter(`Calling ${namesOf(userIds)}…`, create, sourcesOf(mediaType))
  }

  /** Takes a call that rings; the one that one is in is left first. */
  answer(room: Room): Promise<void> {
    return this.#enter('Answering…', () => room.id, sourcesOf(room.mediaType))
  }

  async decline(room: Room): Promise<void> {
    this.#silence(room.id)
    await this.#attempt(async () => {
      const rejected = await this.#rtc.rejectCall(room.id, 'declined')
      this.store.update({ over: { text: ringOverSentence(rejected, 'rejected') } })
    })
  }

  /** At once for whoever is at the page, even if the gateway cannot be told for a while. */
  async hangUp(): Promise<void> {
    forgetCall()
    const left = this.#attempt(() => this.#rtc.leaveRoom())
    this.store.update({ ...NO_CALL, over: { text: 'You have left the call.' } })
    await left
  }

  async endForEveryone(): Promise<void> {
    const { room } = this.store.state
    if (room) await this.#attempt(() => this.#rtc.endRoom(room.id))
  }

  async invite(userIds: readonly string[]): Promise<void> {
    const { room } = this.store.state
    if (room) await this.#attempt(() => this.#rtc.inviteParticipants(room.id, [...userIds]))
  }

  /** Publishes a source, or ceases to. */
  async publish(source: MediaSource, enabled: boolean): Promise<void> {
    const rtc = this.#rtc
    const enable = {
      microphone: () => rtc.enableMicrophone(enabled),
      camera: () => rtc.enableCamera(enabled),
      screen: () => rtc.enableScreenShare(enabled),
    }
    this.#dismissAbout(source)
    const { room } = rtc
    await this.#attempt(async () => {
      try {
        await enable[source]()
      } catch (error) {
        // Whoever hangs up while the browser asks for a device knows why there is none.
        if (rtc.room?.id === room?.id) throw error
      }
    }, source)
    await this.#listDevices()
  }

  /** As `publish`, and so again after a reload. */
  async choose(source: MediaSource, enabled: boolean): Promise<void> {
    const remembered = recallCall(this.userId)
    const others = remembered?.sources.filter((other) => other !== source) ?? []
    if (remembered && source !== 'screen') {
      rememberCall({ ...remembered, sources: enabled ? [...others, source] : others })
    }
    await this.publish(source, enabled)
  }

  async selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    this.#dismissAbout(source)
    await this.#attempt(() => this.#rtc.selectDevice(source, deviceId), source)
    await this.#listDevices()
  }

  dismiss(notice: Notice): void {
    this.store.update({ notices: this.store.state.notices.filter((other) => other !== notice) })
  }

  /** The latest calls; with `more`, those before the last that is shown as well. */
  async loadHistory({ more }: { more: boolean } = { more: false }): Promise<void> {
    const { rooms: before, next } = this.store.state.history
    await this.#attempt(async () => {
      const page = await this.#rtc.listRooms({ first: HISTORY_PAGE, ...(more && next !== null && { after: next }) })
      const rooms = more ? [...before, ...page.rooms] : page.rooms
      this.store.update({ history: { rooms, next: page.hasNextPage ? page.endCursor : null, loaded: true } })
    })
  }

  async #enter(underWay: string, roomId: () => string | Promise<string>, sources: readonly MediaSource[]) {
    if (this.store.state.underWay !== undefined) return
    this.store.update({ underWay, over: undefined, notices: [] })
    await this.#attempt(async () => {
      if (this.#rtc.room) await this.#rtc.leaveRoom()
      const id = await roomId()
      this.store.update({ events: [], over: undefined })
      try {
        this.#follow(await this.#rtc.joinRoom(id))
      } catch (error) {
        // What cannot be reached now may be there after the next reload, within the grace.
        if (!(error instanceof RtcError && PASSING.includes(error.code))) forgetCall()
        throw error
      }
      this.#silence(id)
      if (this.#rtc.room) rememberCall({ userId: this.userId, roomId: id, sources })
    })
    this.store.update({ underWay: undefined })
    if (this.store.state.room) await Promise.all(sources.map((source) => this.publish(source, true)))
  }

  #listen(): void {
    const rtc = this.#rtc
    const { store } = this
    rtc.on('connectionStateChanged', ({ of, userId, state }) => {
      if (of === 'gateway') store.update({ gateway: state })
      else if (userId !== null) store.update({ media: new Map(store.state.media).set(userId, state) })
    })
    rtc.on('error', (error) => this.#report(error))
    rtc.on('roomUpdated', (update) => {
      store.update({ events: [update, ...store.state.events].slice(0, EVENTS_MAX) })
      this.#follow(update.room)
    })
    rtc.on('trackAdded', (track) => store.update({ tracks: [...store.state.tracks, track] }))
    rtc.on('trackRemoved', (track) => store.update({ tracks: store.state.tracks.filter((other) => other !== track) }))
    rtc.on('ended', ({ room, reason }) => {
      void this.loadHistory()
      // Whoever hangs up may be in the next call by the time that the gateway was told.
      if (rtc.room) return
      forgetCall()
      store.update({ ...NO_CALL, over: { room, reason } })
    })
    rtc.on('incomingCall', ({ type, room, answeredHere }) => {
      const known = store.state.ringing.some(({ id }) => id === room.id)
      if (type === 'ringing') {
        const taken = store.state.room?.id === room.id
        if (!known && !taken) store.update({ ringing: [...store.state.ringing, room] })
        return
      }
      this.#silence(room.id)
      if (known && !answeredHere && !store.state.room && store.state.underWay === undefined) {
        store.update({ over: { text: ringOverSentence(room, type) } })
      }
      void this.loadHistory()
    })
  }

  #follow(room: Room): void {
    const { since } = this.store.state
    // Not what comes when it is over for this page: at once, or since hanging up.
    if (this.#rtc.room?.id !== room.id || room.status === 'ended') return
    // Counted from what the gateway says has passed: its clock may be another.
    const began = room.duration === null ? undefined : Date.now() - room.duration * 1000
    this.store.update({ room, since: since ?? began })
  }

  #silence(roomId: string): void {
    this.store.update({ ringing: this.store.state.ringing.filter(({ id }) => id !== roomId) })
  }

  async #listDevices(): Promise<void> {
    await this.#attempt(async () => this.store.update({ devices: await this.#rtc.listDevices() }))
  }

  async #attempt(work: () => Promise<unknown>, source?: MediaSource): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (this.#aborted.signal.aborted) return
      this.#report(error, source)
    }
  }

  #report(thrown: unknown, source?: MediaSource): void {
    const error = thrown instanceof RtcError ? thrown : new RtcError('MEDIA_FAILED', String(thrown), { cause: thrown })
    // Whoever closes the browser's picker of screens knows that nothing is shared.
    if (source === 'screen' && error.code === 'DEVICE_DENIED') return
    const notice: Notice = { code: error.code, source, text: errorSentence(error, source) }
    const others = this.store.state.notices.filter(({ text }) => text !== notice.text)
    this.store.update({ notices: [...others, notice] })
  }

  #dismissAbout(source: MediaSource): void {
    this.store.update({ notices: this.store.state.notices.filter((notice) => notice.source !== source) })
  }
}

const sourcesOf = (mediaType: MediaType): readonly MediaSource[] =>
  mediaType === 'video' ? ['microphone', 'camera'] : ['microphone']
