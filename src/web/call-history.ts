import type { OpenChatClient, Room } from '../sdk/index.ts'
import type { NoticeBoard } from './notice-board.ts'
import type { PhoneState } from './phone-state.ts'
import type { Store } from './store.ts'

const PAGE_SIZE = 10
/** Milliseconds after which a call in another tab or on another device is looked at again. */
const OTHER_DEVICE_INTERVAL = 15_000

interface CallHistoryOptions {
  readonly userId: string
  readonly rtc: OpenChatClient['rtc']
  readonly store: Store<PhoneState>
  readonly notices: NoticeBoard
}

/** The user's latest calls, and among them the one that another tab or device is in. */
export class CallHistory {
  readonly #options: CallHistoryOptions
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: CallHistoryOptions) {
    this.#options = options
  }

  /** The latest calls; with `more`, those before the last that is shown as well. */
  async load({ more }: { more: boolean } = { more: false }): Promise<void> {
    const { rtc, store, notices } = this.#options
    await notices.attempt(async () => {
      const { rooms: before, next } = store.state.history
      const page = await rtc.listRooms({ first: PAGE_SIZE, ...(more && next !== null && { after: next }) })
      const last = page.rooms.at(-1)
      // Ids are in the order of time.
      const older = more || !last ? [] : before.filter(({ id }) => id < last.id)
      store.update({
        history: {
          rooms: more ? [...before, ...page.rooms] : [...page.rooms, ...older],
          next: older.length > 0 ? next : page.hasNextPage ? page.endCursor : null,
          loaded: true,
        },
      })
      if (!more) this.#findOtherDeviceCall(page.rooms)
    })
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** A call in another tab or on another device; of its end only tabs of this browser tell. */
  #findOtherDeviceCall(rooms: readonly Room[]): void {
    const { userId: own, rtc, store } = this.#options
    const otherDeviceCall = rooms.find(
      ({ id, status, participants }) =>
        status !== 'ended' &&
        id !== rtc.room?.id &&
        participants.some(({ userId, state }) => userId === own && state === 'joined'),
    )
    store.update({ otherDeviceCall })
    clearTimeout(this.#timer)
    if (otherDeviceCall) this.#timer = setTimeout(() => void this.load(), OTHER_DEVICE_INTERVAL)
  }
}
