import { Store } from '../store.ts'
import { Api, ApiError } from './api.ts'
import {
  type Dashboard,
  DASHBOARD,
  DISCONNECT,
  END_ALL,
  END_ROOM,
  REMOVE,
  ROOM,
  ROOM_SEQ,
  ROOM_UPDATES,
  type RoomDetail,
  type RoomEventRow,
  type Sessions,
  SESSIONS,
} from './documents.ts'

/** Milliseconds between two reads of the dashboard. */
const INTERVAL = 2_000
/** Events of a room that are shown. */
const EVENTS_MAX = 100

export type StatusFilter = 'ACTIVE' | 'WAITING' | 'ENDED' | ''

export interface RoomView {
  readonly room: RoomDetail
  /** Newest first. */
  readonly events: readonly RoomEventRow[]
}

export interface ConsoleState {
  /** Null until it is loaded. */
  readonly dashboard: Dashboard | null
  readonly status: StatusFilter
  readonly userId: string
  readonly roomId: string | null
  readonly view: RoomView | null
  readonly sessions: Sessions | null
  /** The problem that the last read or action met. */
  readonly problem: string | null
  /** What the last action did. */
  readonly notice: string | null
}

const START: ConsoleState = {
  dashboard: null,
  status: 'ACTIVE',
  userId: '',
  roomId: null,
  view: null,
  sessions: null,
  problem: null,
  notice: null,
}

/** What the administrator sees and does. Reads the dashboard periodically, and the selected room as its events happen. */
export class Console {
  readonly store = new Store<ConsoleState>(START)
  readonly #api: Api
  readonly #onRefused: (code: string) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #stopFollowing: (() => void) | undefined
  #reading = false
  #readAgain = false
  #closed = false

  /** @param onRefused - called with the error code when the token is not accepted, or lacks the scope */
  constructor(token: string, onRefused: (code: string) => void) {
    this.#onRefused = onRefused
    this.#api = new Api(token, () => onRefused('UNAUTHENTICATED'))
    void this.#poll()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#stopFollowing?.()
    this.#api.close()
  }

  filter(patch: Partial<Pick<ConsoleState, 'status' | 'userId'>>): void {
    this.store.update(patch)
    void this.#poll()
  }

  /** Shows a room and follows it; null shows none. */
  select(roomId: string | null): void {
    this.#stopFollowing?.()
    this.#stopFollowing = undefined
    this.store.update({ roomId, view: null })
    if (roomId === null) return
    void this.#readRoom()
    this.#stopFollowing = this.#api.subscribe(
      ROOM_UPDATES,
      { roomId },
      {
        next: () => void this.#readRoom(),
        onEnd: () => void this.#readRoom(),
      },
    )
  }

  findUser(userId: string): Promise<void> {
    this.store.update({ notice: null })
    return this.#readSessions(userId)
  }

  endRoom(roomId: string): Promise<void> {
    return this.#act(async () => {
      await this.#api.request(END_ROOM, { roomId })
      return 'The room was ended.'
    })
  }

  remove(roomId: string, userId: string): Promise<void> {
    return this.#act(async () => {
      await this.#api.request(REMOVE, { roomId, userId })
      return `${userId} was removed.`
    })
  }

  async disconnect(userId: string): Promise<void> {
    await this.#act(async () => {
      const { disconnectUser } = await this.#api.request<{ disconnectUser: { connections: readonly object[] } }>(
        DISCONNECT,
        { userId },
      )
      return `Connections of ${userId} that were closed: ${disconnectUser.connections.length}.`
    })
    await this.#readSessions(userId)
  }

  async endAll(userId: string): Promise<void> {
    await this.#act(async () => {
      const { endAllRooms } = await this.#api.request<{
        endAllRooms: { roomIds: readonly string[]; hasMore: boolean }
      }>(END_ALL, { of: userId })
      return `Rooms of ${userId} that were ended: ${endAllRooms.roomIds.length}${endAllRooms.hasMore ? '; there are more' : ''}.`
    })
    await this.#readSessions(userId)
  }

  /** Reads the dashboard now and then periodically. */
  async #poll(): Promise<void> {
    clearTimeout(this.#timer)
    const { status, userId } = this.store.state
    try {
      const filter = { ...(status && { status }), ...(userId && { userId }) }
      const dashboard = await this.#api.request<Dashboard>(DASHBOARD, { filter })
      if (this.#closed) return
      this.store.update({ dashboard, problem: null })
    } catch (error) {
      this.#report(error)
    }
    clearTimeout(this.#timer)
    if (!this.#closed) this.#timer = setTimeout(() => void this.#poll(), INTERVAL)
  }

  /** Reads the selected room; events that arrive meanwhile cause one more read. */
  async #readRoom(): Promise<void> {
    this.#readAgain = this.#reading
    if (this.#reading) return
    this.#reading = true
    const id = this.store.state.roomId
    try {
      const { room: latest } = await this.#api.request<{ room: { seq: number } }>(ROOM_SEQ, { id })
      const after = Math.max(0, latest.seq - EVENTS_MAX)
      const { room } = await this.#api.request<{ room: RoomDetail & { events: readonly RoomEventRow[] } }>(ROOM, {
        id,
        after,
      })
      if (this.store.state.roomId === id) this.store.update({ view: { room, events: room.events.toReversed() } })
    } catch (error) {
      if (this.store.state.roomId === id) this.#report(error)
    }
    this.#reading = false
    if (this.#readAgain || this.store.state.roomId !== id) void this.#readRoom()
  }

  async #readSessions(userId: string): Promise<void> {
    try {
      const { adminUserSessions } = await this.#api.request<{ adminUserSessions: Sessions }>(SESSIONS, { userId })
      this.store.update({ sessions: adminUserSessions })
    } catch (error) {
      this.#report(error)
    }
  }

  /** Shows what the action did, which `action` resolves to. */
  async #act(action: () => Promise<string>): Promise<void> {
    try {
      const notice = await action()
      this.store.update({ notice, problem: null })
      void this.#poll()
    } catch (error) {
      this.#report(error)
    }
  }

  #report(error: unknown): void {
    if (this.#closed) return
    const code = error instanceof ApiError ? error.code : 'INTERNAL'
    if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') this.#onRefused(code)
    else this.store.update({ problem: error instanceof Error ? error.message : String(error) })
  }
}
