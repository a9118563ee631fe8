import { type MediaSource, type MediaType, OpenChatClient, type Room, RTCProviderType } from '../sdk/index.ts'
import { BrowserPush } from './browser-push.ts'
import { CallHistory } from './call-history.ts'
import { forgetCall, recallCall, rememberCall } from './call-memory.ts'
import { RoomEntry, type RoomEntryRequest } from './room-entry.ts'
import type { Identity } from './identity.ts'
import { NoticeBoard } from './notice-board.ts'
import { OwnMedia } from './own-media.ts'
import { INITIAL, NO_CALL, type PhoneState } from './phone-state.ts'
import { namesOf, say } from './sentence.ts'
import { fallbackSentence, ringOverSentence } from './sentences.ts'
import { Store } from './store.ts'
import { TabChannel } from './tab-channel.ts'
import { TokenRequest } from './token-request.ts'
import type { WorkerInbox } from './worker-inbox.ts'
import type { CallAction, PushedCall } from './worker-messages.ts'

/** Maximum number of events in the list. */
const EVENTS_MAX = 500
/** The model of the page for one user: the SDK's client and the state that the components render. */
export class Phone {
  readonly userId: string
  readonly store = new Store<PhoneState>(INITIAL)
  readonly notices: NoticeBoard
  readonly history: CallHistory
  readonly media: OwnMedia
  readonly push: BrowserPush
  readonly #client: OpenChatClient
  readonly #aborted = new AbortController()
  readonly #tabs: TabChannel
  readonly #inbox: WorkerInbox
  readonly #token = new TokenRequest(() => this.store.update({ tokenRefused: true }))
  #entry: RoomEntry | undefined
  /** The call's duration in seconds when this page joined it. */
  #durationBefore = 0

  constructor({ userId, token }: Identity, inbox: WorkerInbox) {
    this.userId = userId
    this.#inbox = inbox
    this.#client = new OpenChatClient({
      // Relative to the page, which a proxy may serve below a path.
      server: { baseUrl: new URL('.', location.href).href },
      auth: { uid: userId, token, refreshToken: () => this.#token.ask() },
    })
    const { rtc } = this.#client
    this.notices = new NoticeBoard(rtc, this.store)
    this.history = new CallHistory({ userId, rtc, store: this.store, notices: this.notices })
    this.media = new OwnMedia({ userId, rtc, store: this.store, notices: this.notices })
    this.push = new BrowserPush({ userId, rtc, store: this.store, notices: this.notices })
    this.#tabs = new TabChannel(userId, () => void this.history.load())
  }

  get #rtc() {
    return this.#client.rtc
  }

  /** Starts listening for calls, and rejoins the call that a reload interrupted. */
  async start(): Promise<void> {
    this.#listen()
    const { signal } = this.#aborted
    document.addEventListener('visibilitychange', () => !document.hidden && void this.history.load(), { signal })
    await this.notices.attempt(() => this.#rtc.init({ provider: RTCProviderType.WEBRTC }))
    const remembered = recallCall(this.userId)
    if (remembered) {
      await this.#enter({
        status: ['Going back to your call…'],
        findRoom: () => remembered.roomId,
        sources: remembered.sources,
      })
    }
    this.#followWorker(signal)
    await Promise.all([this.history.load(), this.#loadBlocked(), this.push.start()])
  }

  /** Leaves the call and releases everything. */
  async stop(): Promise<void> {
    this.#aborted.abort()
    this.notices.close()
    this.history.stop()
    this.push.stop()
    forgetCall()
    this.#token.withdraw()
    await this.#client.destroy()
    this.#tabs.announceChange()
    this.#tabs.close()
  }

  /** Continues with a new token of the same user, after the gateway refused the previous one. */
  useToken(token: string): void {
    this.notices.dismissWhere(({ code }) => code === 'UNAUTHENTICATED')
    this.store.update({ tokenRefused: false })
    this.#token.give(token)
  }

  /** Calls one user, or creates a group of several. */
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

  /** Answers a ringing call, or takes over one from another tab or device; leaves the current call first. */
  answer(room: Pick<Room, 'id' | 'mediaType'>): Promise<void> {
    const { otherDeviceCall } = this.store.state
    const status = [otherDeviceCall?.id === room.id ? 'Taking the call here…' : 'Answering…']
    return this.#enter({ status, findRoom: () => room.id, sources: sourcesOf(room.mediaType) })
  }

  /** Cancels the call or answer in progress, and undoes what the gateway has already done. */
  cancel(): void {
    if (this.store.state.pending === undefined) return
    this.#entry?.cancel()
    forgetCall()
    this.store.update({ ...NO_CALL, pending: undefined, lastOutcome: { text: ['Call cancelled.'] } })
  }

  /** Declines a call, and every other ringing call of the same caller. */
  async decline({ id: roomId, callerId }: Pick<Room, 'id' | 'callerId'>): Promise<void> {
    const others = this.store.state.ringing.filter((room) => room.callerId === callerId).map(({ id }) => id)
    const declined = new Set([roomId, ...others])
    for (const id of declined) this.#stopRinging(id)
    await this.notices.attempt(async () => {
      for (const id of declined) {
        const rejected = await this.#rtc.rejectCall(id, 'declined')
        this.store.update({ lastOutcome: { text: ringOverSentence(rejected, 'rejected') } })
      }
    })
  }

  /** Does what the user chose on a notification, even if the page does not know yet that the call rings. */
  #act(action: CallAction, { callId, callerId, mediaType }: PushedCall): void {
    if (action === 'answer') {
      void this.answer({ id: callId, mediaType: mediaType === 'video' ? 'video' : 'audio' })
    } else if (action === 'decline') void this.decline({ id: callId, callerId })
  }

  /** Hides the calls of this caller on this page until it is reloaded. */
  silence(callerId: string): void {
    this.store.update({ silenced: new Set(this.store.state.silenced).add(callerId) })
  }

  unsilence(callerId: string): void {
    const { silenced } = this.store.state
    this.store.update({ silenced: new Set([...silenced].filter((userId) => userId !== callerId)) })
  }

  /** Blocks this caller on all of the user's devices; the caller is not told. */
  async block(callerId: string): Promise<void> {
    this.store.update({ blocked: [...this.store.state.blocked, callerId] })
    await this.notices.attempt(() => this.#rtc.blockUser(callerId))
    await this.#loadBlocked()
  }

  async unblock(callerId: string): Promise<void> {
    await this.notices.attempt(() => this.#rtc.unblockUser(callerId))
    await this.#loadBlocked()
  }

  async #loadBlocked(): Promise<void> {
    await this.notices.attempt(async () => this.store.update({ blocked: await this.#rtc.blockedUsers() }))
  }

  /** Shows the end at once, even if the gateway cannot be reached for a while. */
  async hangUp(): Promise<void> {
    forgetCall()
    const left = this.notices.attempt(() => this.#rtc.leaveRoom())
    this.#showEnd({ text: ['You have left the call.'] })
    await left
  }

  async endForEveryone(): Promise<void> {
    const { room } = this.store.state
    if (room) await this.notices.attempt(() => this.#rtc.endRoom(room.id))
  }

  async invite(userIds: readonly string[]): Promise<void> {
    const { room } = this.store.state
    if (room) await this.notices.attempt(() => this.#rtc.inviteParticipants(room.id, [...userIds]))
  }

  async #enter(request: RoomEntryRequest): Promise<void> {
    if (this.store.state.pending !== undefined) return
    const { status, sources } = request
    this.store.update({ pending: status, lastOutcome: undefined, notices: [] })
    const entry = new RoomEntry(this.#rtc, request, this.#entry?.done)
    this.#entry = entry
    await this.notices.attempt(async () => {
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
    if (this.store.state.room) await Promise.all(sources.map((source) => this.media.publish(source, true)))
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
    void this.notices.attempt(() => this.#loadEvents(room))
  }

  /** Loads the events before the join; the stream delivers the later ones. */
  async #loadEvents({ id, seq }: Room): Promise<void> {
    const after = Math.max(0, seq - EVENTS_MAX)
    const log = await this.#rtc.getEvents(id, { first: EVENTS_MAX, after })
    if (this.store.state.room?.id !== id) return
    const events = [...this.store.state.events, ...log.filter((event) => event.seq <= seq).toReversed()]
    this.store.update({ events: events.slice(0, EVENTS_MAX) })
  }

  #followWorker(signal: AbortSignal): void {
    const stop = this.#inbox.deliverTo({
      userId: this.userId,
      isConnected: () => this.store.state.gateway === 'connected',
      act: (action, call) => this.#act(action, call),
    })
    signal.addEventListener('abort', stop)
  }

  #listen(): void {
    const rtc = this.#rtc
    const { store } = this
    rtc.on('connectionStateChanged', ({ of, userId, state }) => {
      if (of === 'gateway') return store.update({ gateway: state })
      if (userId === null) return
      store.update({ peerStates: new Map(store.state.peerStates).set(userId, state) })
      if (state === 'connected') this.notices.dismissWhere((notice) => notice.userId === userId)
    })
    // The gateway's duration plus local time, because the two clocks may differ.
    rtc.on('mediaStarted', ({ at }) => store.update({ timerStart: at - this.#durationBefore * 1000 }))
    rtc.on('devicesChanged', ({ devices }) => store.update({ devices }))
    rtc.on('deviceFallback', ({ source }) =>
      this.notices.add({ code: 'DEVICE_FALLBACK', source, text: [fallbackSentence(source)] }),
    )
    rtc.on('error', (error) => this.notices.report(error))
    rtc.on('roomUpdated', (update) => {
      const event = { ...update, subjectId: update.participant?.userId ?? null }
      store.update({ events: [event, ...store.state.events].slice(0, EVENTS_MAX) })
      this.#showRoom(update.room)
    })
    rtc.on('trackAdded', (track) => store.update({ tracks: [...store.state.tracks, track] }))
    rtc.on('trackRemoved', (track) => {
      store.update({ tracks: store.state.tracks.filter((other) => other !== track) })
      if (track.local) this.media.onTrackRemoved(track)
    })
    rtc.on('ended', ({ room, reason }) => {
      this.#tabs.announceChange()
      void this.history.load()
      // Ignore the end of a call that was hung up if the page has already joined the next one.
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
      void this.history.load()
    })
  }

  #showRoom(room: Room): void {
    // Ignore updates that arrive after the call has ended for this page.
    if (this.#rtc.room?.id !== room.id || room.status === 'ended' || this.#entry?.cancelled) return
    this.store.update({ room })
  }

  #showEnd(lastOutcome: NonNullable<PhoneState['lastOutcome']>): void {
    this.notices.dismissCallNotices()
    this.store.update({ ...NO_CALL, lastOutcome })
  }

  #stopRinging(roomId: string): void {
    this.store.update({ ringing: this.store.state.ringing.filter(({ id }) => id !== roomId) })
  }
}

const sourcesOf = (mediaType: MediaType): readonly MediaSource[] =>
  mediaType === 'video' ? ['microphone', 'camera'] : ['microphone']
