interface Run {
  readonly current: Promise<void>
  /** The run that follows, if one was requested during the current run. */
  next: Promise<void> | undefined
}

/**
 * Runs at most one instance of the same work per key at a time. All requests made during a run share the next run, so any
 * number of hints causes at most two runs.
 */
export class Coalescer {
  readonly #work: (key: string) => Promise<void>
  readonly #runs = new Map<string, Run>()

  constructor(work: (key: string) => Promise<void>) {
    this.#work = work
  }

  /** Resolves when a run that started after this call has finished; rejects if that run fails. */
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
