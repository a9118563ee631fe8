import { type ErrorCode, type MediaSource, type OpenChatClient, RtcError } from '../sdk/index.ts'
import type { Notice, PhoneState } from './phone-state.ts'
import { plain } from './sentence.ts'
import { errorSentence } from './sentences.ts'
import type { Store } from './store.ts'

/** Codes that concern the current call only; their notices are dismissed when it ends. */
const CALL_CODES: readonly string[] = [
  'DEVICE_DENIED',
  'DEVICE_NOT_FOUND',
  'DEVICE_FAILED',
  'DEVICE_LOST',
  'DEVICE_FALLBACK',
  'MEDIA_FAILED',
] satisfies readonly (ErrorCode | 'DEVICE_LOST' | 'DEVICE_FALLBACK')[]

/** The notices on the page. A notice with the same text is shown once. */
export class NoticeBoard {
  readonly #rtc: OpenChatClient['rtc']
  readonly #store: Store<PhoneState>
  #closed = false

  constructor(rtc: OpenChatClient['rtc'], store: Store<PhoneState>) {
    this.#rtc = rtc
    this.#store = store
  }

  /** Runs the work; an error becomes a notice. Never rejects. */
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
    // Not an error: the user closed the browser's screen picker.
    if (source === 'screen' && error.code === 'DEVICE_DENIED') return
    if (!this.#rtc.room && CALL_CODES.includes(error.code) && this.#store.state.pending === undefined) return
    this.add({ code: error.code, source, text: errorSentence(error, source), userId: error.peer?.userId })
  }

  /** Shows a notice; replaces one with the same text. */
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

  /** Call when the call has ended. */
  dismissCallNotices(): void {
    this.dismissWhere(({ code, source }) => source !== undefined || CALL_CODES.includes(code))
  }

  /** Ignores the errors of work that is still in progress. */
  close(): void {
    this.#closed = true
  }
}
