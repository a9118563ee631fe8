interface Run {
  readonly current: Promise<void>
  /** The run after it, once it has been requested. */
  next: Promise<void> | undefined
}

/**
 * Runs the same work for a key once at a time. All requests that come during a run share the next one, so any number of
 * hints costs two runs at most.
 */
export class Coalescer {
  readonly #work: (key: string) => Promise<void>
  readonly #runs = new Map<string, Run>()

  constructor(work: (key: string) => Promise<void>) {
    this.#work = work
  }

  /** Resolves when a run that has begun after this call is over; rejects if that run fails. */
  run(key: string): Promise<void> {
    const run = this.#runs.get(key)
    if (!run) return this.#start(key)
    const start = () => this.#start(key)
    return (run.next ??= run.current.then(start, start))
  }

  #start(key: string): Promise<void> {
    const run: Run = { current: this.#work(key), next: undefined }
    this.#runs.set(key, run)
    const end = () => {
      if (!run.next) this.#runs.delete(key)
    }
    run.current.then(end, end)
    return run.current
  }
}
