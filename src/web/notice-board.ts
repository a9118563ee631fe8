import { type ErrorCode, type MediaSource, type OpenChatClient, RtcError } from '../sdk/index.ts'
import type { Notice, PhoneState } from './phone-state.ts'
import { plain } from './sentence.ts'
import { errorSentence } from './sentences.ts'
import type { Store } from './store.ts'

/** What concerns a call alone: nobody needs to read it once the call is over. */
const CALL_CODES: readonly string[] = [
  'DEVICE_DENIED',
  'DEVICE_NOT_FOUND',
  'DEVICE_FAILED',
  'DEVICE_LOST',
  'DEVICE_FALLBACK',
  'MEDIA_FAILED',
] satisfies readonly (ErrorCode | 'DEVICE_LOST' | 'DEVICE_FALLBACK')[]

/** The notices that the page shows: reports errors once each, and takes notices back. */
export class NoticeBoard {
  readonly #rtc: OpenChatClient['rtc']
  readonly #store: Store<PhoneState>
  #closed = false

  constructor(rtc: OpenChatClient['rtc'], store: Store<PhoneState>) {
    this.#rtc = rtc
    this.#store = store
  }

  /** Does the work; an error becomes a notice. Never rejects. */
  async attempt(work: () => Promise<unknown>, source?: MediaSource): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (this.#closed) return
      this.report(error, source)
    }
  }

  report(thrown: unknown, source?: MediaSource): void {
    const error = thrown instanceof RtcError ? thrown : new RtcError('MEDIA_FAILED', String(thrown), { cause: thrown })
    // Whoever closes the browser's picker of screens knows that nothing is shared.
    if (source === 'screen' && error.code === 'DEVICE_DENIED') return
    if (!this.#rtc.room && CALL_CODES.includes(error.code) && this.#store.state.pending === undefined) return
    this.add({ code: error.code, source, text: errorSentence(error, source), userId: error.peer?.userId })
  }

  /** Shows a notice; one with the same text gives way to it. */
  add(notice: Notice): void {
    const others = this.#store.state.notices.filter(({ text }) => plain(text) !== plain(notice.text))
    this.#store.update({ notices: [...others, notice] })
  }

  dismiss(notice: Notice): void {
    this.dismissWhere((other) => other === notice)
  }

  dismissWhere(matches: (notice: Notice) => boolean): void {
    this.#store.update({ notices: this.#store.state.notices.filter((notice) => !matches(notice)) })
  }

  /** The call is over. */
  dismissCallNotices(): void {
    this.dismissWhere(({ code, source }) => source !== undefined || CALL_CODES.includes(code))
  }

  /** Errors of work that is still under way are of no interest any more. */
  close(): void {
    this.#closed = true
  }
}
