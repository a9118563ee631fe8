import type { OpenChatClient, Room } from '../sdk/index.ts'
import type { NoticeBoard } from './notice-board.ts'
import type { PhoneState } from './phone-state.ts'
import type { Store } from './store.ts'

const PAGE_SIZE = 10
/** Milliseconds between checks of a call on another device, which sends this page no events. */
const OTHER_DEVICE_INTERVAL = 15_000

interface CallHistoryOptions {
  readonly userId: string
  readonly rtc: OpenChatClient['rtc']
  readonly store: Store<PhoneState>
  readonly notices: NoticeBoard
}

/** Loads the user's calls, and finds the one that the user is in with another tab or device. */
export class CallHistory {
  readonly #options: CallHistoryOptions
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: CallHistoryOptions) {
    this.#options = options
  }

  /** Reloads the latest calls; with `more`, appends the next page. */
  async load({ more }: { more: boolean } = { more: false }): Promise<void> {
    const { rtc, store, notices } = this.#options
    await notices.attempt(async () => {
      const { rooms: before, next } = store.state.history
      const page = await rtc.listRooms({ first: PAGE_SIZE, ...(more && next !== null && { after: next }) })
      const last = page.rooms.at(-1)
      // Ids are UUID v7: their order is the order of creation.
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

  /** Polls while there is such a call: only tabs of this browser announce its end. */
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
