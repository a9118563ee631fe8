import { RtcError } from './errors.ts'

interface Job {
  run(): Promise<void>
}

interface Line {
  readonly jobs: Job[]
}

/** What waits for one key, by who asked; the first line is served next and then goes to the end. */
interface Waiting {
  readonly lines: Map<string, Line>
  size: number
}

/** The line of work that nobody asked for, such as deadlines. No user has this id. */
const NOBODY = ''

/** Work of one user that may wait for one key, and of all users together. */
export interface QueueBounds {
  readonly perUser: number
  readonly total: number
}

/**
 * Runs the tasks of one key one after the other; keys do not wait for each other. Users take turns: whoever asks for much
 * waits for themselves, and everybody else at most for one task of each other user. What waits is bounded.
 */
export class FairQueue {
  readonly #bounds: QueueBounds
  readonly #waiting = new Map<string, Waiting>()

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds
  }

  /**
   * @param userId - who asks; null for work that nobody asked for, which is never refused
   * @throws RtcError RATE_LIMITED when too much waits already
   */
  async take<T>(key: string, userId: string | null, task: () => Promise<T>): Promise<T> {
    const known = this.#waiting.get(key)
    const waiting = known ?? { lines: new Map<string, Line>(), size: 0 }
    const name = userId ?? NOBODY
    const line = waiting.lines.get(name) ?? { jobs: [] }
    if (userId !== null && (line.jobs.length >= this.#bounds.perUser || waiting.size >= this.#bounds.total)) {
      throw new RtcError('RATE_LIMITED', 'Too many requests wait for their turn.', { retryAfter: 1 })
    }
    const outcome = new Promise<T>((resolve, reject) => {
      line.jobs.push({ run: () => task().then(resolve, reject) })
    })
    waiting.lines.set(name, line)
    waiting.size += 1
    if (!known) {
      this.#waiting.set(key, waiting)
      void this.#serve(key, waiting)
    }
    return outcome
  }

  /** Serves the lines round robin until nothing waits. */
  async #serve(key: string, waiting: Waiting): Promise<void> {
    for (let job = next(waiting); job; job = next(waiting)) await job.run()
    this.#waiting.delete(key)
  }
}

function next(waiting: Waiting): Job | undefined {
  for (const [name, line] of waiting.lines) {
    const job = line.jobs.shift()
    waiting.lines.delete(name)
    if (line.jobs.length > 0) waiting.lines.set(name, line)
    waiting.size -= 1
    return job
  }
  return undefined
}
