import {
  type ErrorCode,
  type MediaSource,
  type MediaType,
  OpenChatClient,
  type Room,
  RtcError,
  RTCProviderType,
  type Track,
} from '../sdk/index.ts'
import { forgetCall, recallCall, rememberCall } from './call-memory.ts'
import { RoomEntry, type RoomEntryRequest } from './room-entry.ts'
import type { Identity } from './identity.ts'
import { INITIAL, NO_CALL, type Notice, type PhoneState } from './phone-state.ts'
import { namesOf, plain, say } from './sentence.ts'
import { errorSentence, fallbackSentence, lostSentence, ringOverSentence } from './sentences.ts'
import { Store } from './store.ts'
import { TabChannel } from './tab-channel.ts'
import { TokenRequest } from './token-request.ts'

const HISTORY_PAGE = 10
/** Events that are listed. */
const EVENTS_MAX = 500
/** Milliseconds after which a call in another tab or on another device is looked at again. */
const OTHER_DEVICE_INTERVAL = 15_000
/** What concerns a call alone: nobody needs to read it once the call is over. */
const CALL_CODES: readonly string[] = [
  'DEVICE_DENIED',
  'DEVICE_NOT_FOUND',
  'DEVICE_FAILED',
  'DEVICE_LOST',
  'DEVICE_FALLBACK',
  'MEDIA_FAILED',
] satisfies readonly (ErrorCode | 'DEVICE_LOST' | 'DEVICE_FALLBACK')[]

/** One user's telephone: the SDK's client, and what a page shows of it. */
export class Phone {
  readonly userId: string
  readonly store = new Store<PhoneState>(INITIAL)
  readonly #client: OpenChatClient
  readonly #aborted = new AbortController()
  readonly #tabs: TabChannel
  readonly #token = new TokenRequest(() => this.store.update({ tokenRefused: true }))
  /** Sources that the user is switching: their tracks go because they were asked to. */
  readonly #switching = new Set<MediaSource>()
  #entry: RoomEntry | undefined
  /** Seconds that the call had been going on when it was joined. */
  #durationBefore = 0
  #otherDeviceTimer: ReturnType<typeof setTimeout> | undefined

  constructor({ userId, token }: Identity) {
    this.userId = userId
    this.#client = new OpenChatClient({
      // Beside the page, wherever a proxy has put it.
      server: { baseUrl: new URL('.', location.href).href },
      auth: { uid: userId, token, refreshToken: () => this.#token.ask() },
    })
    this.#tabs = new TabChannel(userId, () => void this.loadHistory())
  }

  get #rtc() {
    return this.#client.rtc
  }

  /** Listens for calls, and goes on with the one that a reload has interrupted. */
  async start(): Promise<void> {
    this.#listen()
    const { signal } = this.#aborted
    document.addEventListener('visibilitychange', () => !document.hidden && void this.loadHistory(), { signal })
    await this.#attempt(() => this.#rtc.init({ provider: RTCProviderType.WEBRTC }))
    const remembered = recallCall(this.userId)
    if (remembered) {
      await this.#enter({
        status: ['Going back to your call…'],
        findRoom: () => remembered.roomId,
        sources: remembered.sources,
      })
    }
    await Promise.all([this.loadHistory(), this.#loadBlocked()])
  }

  /** Leaves the call that this page is in and gives everything back. */
  async stop(): Promise<void> {
    this.#aborted.abort()
    clearTimeout(this.#otherDeviceTimer)
    forgetCall()
    this.#token.withdraw()
    await this.#client.destroy()
    this.#tabs.announceChange()
    this.#tabs.close()
  }

  /** Goes on with another token of the same user, after the gateway has refused the one before. */
  useToken(token: string): void {
    this.#dismissWhere(({ code }) => code === 'UNAUTHENTICATED')
    this.store.update({ tokenRefused: false })
    this.#token.give(token)
  }

  /** One makes a call between two, several a group. */
  call(userIds: readonly string[], mediaType: MediaType): Promise<void> {
    const createRoom = async (): Promise<string> => {
      const [userId = ''] = userIds
      const room = await this.#rtc.createRoom(
        userIds.length > 1 ? { type: 'group', userIds: [...userIds], mediaType } : { type: 'p2p', userId, mediaType },
      )
      return room.id
    }
    const status = say`Calling ${namesOf(userIds)}…`
    return this.#enter({ status, findRoom: createRoom, sources: sourcesOf(mediaType), created: true })
  }

  /** Takes a call that rings, or that another tab or device is in; the one that this page is in is left first. */
  answer(room: Room): Promise<void> {
    const { otherDeviceCall } = this.store.state
    const status = [otherDeviceCall?.id === room.id ? 'Taking the call here…' : 'Answering…']
    return this.#enter({ status, findRoom: () => room.id, sources: sourcesOf(room.mediaType) })
  }

  /** Gives up what is under way; what has come about of it is undone. */
  cancel(): void {
    if (this.store.state.pending === undefined) return
    this.#entry?.cancel()
    forgetCall()
    this.store.update({ ...NO_CALL, pending: undefined, lastOutcome: { text: ['Call cancelled.'] } })
  }

  /** Declines a call, and what else the same caller has ringing. */
  async decline({ callerId }: Room): Promise<void> {
    const declined = this.store.state.ringing.filter((room) => room.callerId === callerId)
    for (const { id } of declined) this.#stopRinging(id)
    await this.#attempt(async () => {
      for (const { id } of declined) {
        const rejected = await this.#rtc.rejectCall(id, 'declined')
        this.store.update({ lastOutcome: { text: ringOverSentence(rejected, 'rejected') } })
      }
    })
  }

  /** Calls of this caller neither ring nor show any more, here and until the page is loaded again. */
  silence(callerId: string): void {
    this.store.update({ silenced: new Set(this.store.state.silenced).add(callerId) })
  }

  unsilence(callerId: string): void {
    const { silenced } = this.store.state
    this.store.update({ silenced: new Set([...silenced].filter((userId) => userId !== callerId)) })
  }

  /** From now on this caller rings on none of the user's devices, and does not learn it. */
  async block(callerId: string): Promise<void> {
    this.store.update({ blocked: [...this.store.state.blocked, callerId] })
    await this.#attempt(() => this.#rtc.blockUser(callerId))
    await this.#loadBlocked()
  }

  async unblock(callerId: string): Promise<void> {
    await this.#attempt(() => this.#rtc.unblockUser(callerId))
    await this.#loadBlocked()
  }

  async #loadBlocked(): Promise<void> {
    await this.#attempt(async () => this.store.update({ blocked: await this.#rtc.blockedUsers() }))
  }

  /** At once for whoever is at the page, even if the gateway cannot be told for a while. */
  async hangUp(): Promise<void> {
    forgetCall()
    const left = this.#attempt(() => this.#rtc.leaveRoom())
    this.#showEnd({ text: ['You have left the call.'] })
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
    await this.#switchSource(source, enable[source])
  }

  /** As `publish`, and so again after a reload. */
  async publishAndRemember(source: MediaSource, enabled: boolean): Promise<void> {
    const remembered = recallCall(this.userId)
    const others = remembered?.sources.filter((other) => other !== source) ?? []
    if (remembered && source !== 'screen') {
      rememberCall({ ...remembered, sources: enabled ? [...others, source] : others })
    }
    await this.publish(source, enabled)
  }

  async selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    await this.#switchSource(source, () => this.#rtc.selectDevice(source, deviceId))
  }

  dismiss(notice: Notice): void {
    this.#dismissWhere((other) => other === notice)
  }

  #dismissWhere(matches: (notice: Notice) => boolean): void {
    this.store.update({ notices: this.store.state.notices.filter((notice) => !matches(notice)) })
  }

  /** The latest calls; with `more`, those before the last that is shown as well. */
  async loadHistory({ more }: { more: boolean } = { more: false }): Promise<void> {
    await this.#attempt(async () => {
      const { rooms: before, next } = this.store.state.history
      const page = await this.#rtc.listRooms({ first: HISTORY_PAGE, ...(more && next !== null && { after: next }) })
      const last = page.rooms.at(-1)
      // Ids are in the order of time.
      const older = more || !last ? [] : before.filter(({ id }) => id < last.id)
      this.store.update({
        history: {
          rooms: more ? [...before, ...page.rooms] : [...page.rooms, ...older],
          next: older.length > 0 ? next : page.hasNextPage ? page.endCursor : null,
          loaded: true,
        },
      })
      if (!more) this.#findOtherDeviceCall(page.rooms)
    })
  }

  /** A call in another tab or on another device; of its end only tabs of this browser tell. */
  #findOtherDeviceCall(rooms: readonly Room[]): void {
    const otherDeviceCall = rooms.find(
      ({ id, status, participants }) =>
        status !== 'ended' &&
        id !== this.#rtc.room?.id &&
        participants.some(({ userId, state }) => userId === this.userId && state === 'joined'),
    )
    this.store.update({ otherDeviceCall })
    clearTimeout(this.#otherDeviceTimer)
    if (otherDeviceCall) this.#otherDeviceTimer = setTimeout(() => void this.loadHistory(), OTHER_DEVICE_INTERVAL)
  }

  async #enter(request: RoomEntryRequest): Promise<void> {
    if (this.store.state.pending !== undefined) return
    const { status, sources } = request
    this.store.update({ pending: status, lastOutcome: undefined, notices: [] })
    const entry = new RoomEntry(this.#rtc, request, this.#entry?.done)
    this.#entry = entry
    await this.#attempt(async () => {
      try {
        const room = await entry.join()
        if (entry.cancelled) return
        this.#joined(room, sources)
      } catch (error) {
        if (!entry.cancelled) throw error
      }
    })
    if (entry.cancelled) return this.#tabs.announceChange()
    this.store.update({ pending: undefined })
    if (this.store.state.room) await Promise.all(sources.map((source) => this.publish(source, true)))
  }

  #joined(room: Room, sources: readonly MediaSource[]): void {
    this.#durationBefore = room.duration ?? 0
    const startedAt = this.#rtc.connectionInfo?.mediaStartedAt
    const timerStart = startedAt === undefined ? undefined : startedAt - this.#durationBefore * 1000
    this.store.update({ events: [], lastOutcome: undefined, otherDeviceCall: undefined, timerStart })
    this.#showRoom(room)
    this.#stopRinging(room.id)
    if (this.#rtc.room) rememberCall({ userId: this.userId, roomId: room.id, sources })
    this.#tabs.announceChange()
    void this.#attempt(() => this.#loadEvents(room))
  }

  /** What happened before the room was joined; the stream brings the rest. */
  async #loadEvents({ id, seq }: Room): Promise<void> {
    const after = Math.max(0, seq - EVENTS_MAX)
    const log = await this.#rtc.getEvents(id, { first: EVENTS_MAX, after })
    if (this.store.state.room?.id !== id) return
    const events = [...this.store.state.events, ...log.filter((event) => event.seq <= seq).toReversed()]
    this.store.update({ events: events.slice(0, EVENTS_MAX) })
  }

  #listen(): void {
    const rtc = this.#rtc
    const { store } = this
    rtc.on('connectionStateChanged', ({ of, userId, state }) => {
      if (of === 'gateway') return store.update({ gateway: state })
      if (userId === null) return
      store.update({ peerStates: new Map(store.state.peerStates).set(userId, state) })
      if (state === 'connected') this.#dismissWhere((notice) => notice.userId === userId)
    })
    // Counted from what the gateway says has passed: its clock may be another.
    rtc.on('mediaStarted', ({ at }) => store.update({ timerStart: at - this.#durationBefore * 1000 }))
    rtc.on('devicesChanged', ({ devices }) => store.update({ devices }))
    rtc.on('deviceFallback', ({ source }) =>
      this.#notify({ code: 'DEVICE_FALLBACK', source, text: [fallbackSentence(source)] }),
    )
    rtc.on('error', (error) => this.#report(error))
    rtc.on('roomUpdated', (update) => {
      const event = { ...update, subjectId: update.participant?.userId ?? null }
      store.update({ events: [event, ...store.state.events].slice(0, EVENTS_MAX) })
      this.#showRoom(update.room)
    })
    rtc.on('trackAdded', (track) => store.update({ tracks: [...store.state.tracks, track] }))
    rtc.on('trackRemoved', (track) => {
      store.update({ tracks: store.state.tracks.filter((other) => other !== track) })
      if (track.local) this.#noticeLostDevice(track)
    })
    rtc.on('ended', ({ room, reason }) => {
      this.#tabs.announceChange()
      void this.loadHistory()
      // Whoever hangs up may be in the next call by the time that the gateway was told.
      if (rtc.room || this.#entry?.isUndoing(room.id)) return
      forgetCall()
      this.#showEnd({ room, reason })
    })
    rtc.on('incomingCall', ({ type, room, answeredHere }) => {
      const known = store.state.ringing.some(({ id }) => id === room.id)
      if (type === 'ringing') {
        const taken = store.state.room?.id === room.id
        if (!known && !taken) store.update({ ringing: [...store.state.ringing, room] })
        return
      }
      this.#stopRinging(room.id)
      const isAnnounced = known && !answeredHere && !store.state.silenced.has(room.callerId)
      if (isAnnounced && !store.state.room && store.state.pending === undefined) {
        store.update({ lastOutcome: { text: ringOverSentence(room, type) } })
      }
      void this.loadHistory()
    })
  }

  #showRoom(room: Room): void {
    // Not what comes when it is over for this page: at once, or since hanging up.
    if (this.#rtc.room?.id !== room.id || room.status === 'ended' || this.#entry?.cancelled) return
    this.store.update({ room })
  }

  #showEnd(lastOutcome: NonNullable<PhoneState['lastOutcome']>): void {
    this.#dismissWhere(({ code, source }) => source !== undefined || CALL_CODES.includes(code))
    this.store.update({ ...NO_CALL, lastOutcome })
  }

  /** A device was unplugged, unless the user has switched it off or the call is over, which shows a moment later. */
  #noticeLostDevice({ source }: Track): void {
    const { room } = this.#rtc
    if (source === 'screen' || this.#switching.has(source)) return
    queueMicrotask(() => {
      if (room === undefined || this.#rtc.room?.id !== room.id) return
      if (this.#rtc.tracks.some((track) => track.local && track.source === source)) return
      this.#notify({ code: 'DEVICE_LOST', source, text: [lostSentence(source)] })
    })
  }

  #stopRinging(roomId: string): void {
    this.store.update({ ringing: this.store.state.ringing.filter(({ id }) => id !== roomId) })
  }

  async #listDevices(): Promise<void> {
    await this.#attempt(async () => this.store.update({ devices: await this.#rtc.listDevices() }))
  }

  async #switchSource(source: MediaSource, work: () => Promise<unknown>): Promise<void> {
    this.#dismissWhere((notice) => notice.source === source)
    const { room } = this.#rtc
    this.#switching.add(source)
    await this.#attempt(async () => {
      try {
        await work()
      } catch (error) {
        // Whoever hangs up while the browser asks for a device knows why there is none.
        if (this.#rtc.room?.id === room?.id) throw error
      }
    }, source)
    this.#switching.delete(source)
    await this.#listDevices()
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
    if (!this.#rtc.room && CALL_CODES.includes(error.code) && this.store.state.pending === undefined) return
    this.#notify({ code: error.code, source, text: errorSentence(error, source), userId: error.peer?.userId })
  }

  #notify(notice: Notice): void {
    const others = this.store.state.notices.filter(({ text }) => plain(text) !== plain(notice.text))
    this.store.update({ notices: [...others, notice] })
  }
}

const sourcesOf = (mediaType: MediaType): readonly MediaSource[] =>
  mediaType === 'video' ? ['microphone', 'camera'] : ['microphone']
