/** How a part comes to life and how it ends. */
export interface Steps<Part> {
  /** In errors. */
  readonly name: string
  /** Absent: the part works from the moment on when it is constructed. */
  readonly start?: (part: Part, signal: AbortSignal | undefined) => void | Promise<void>
  /** Resolves when the part has let go of all that it held. */
  readonly stop?: (part: Part) => void | Promise<void>
}

interface Stage {
  readonly name: string
  readonly start: ((signal: AbortSignal | undefined) => void | Promise<void>) | undefined
  readonly stop: (() => void | Promise<void>) | undefined
}

/**
 * Starts parts in the order in which they were added and stops them in reverse. Since a part is added where it is
 * constructed, it starts after and stops before whatever it was constructed with.
 *
 * It does what `AsyncDisposableStack` does, which Node 20 lacks, and starts as well.
 */
export class Lifecycle {
  readonly #stages: Stage[] = []
  /** What is to be stopped, in the order of {@link start}; parts without `start` stop even if nothing was started. */
  readonly #started = new Set<Stage>()
  #stopping: Promise<void> | undefined

  /** @returns the part, so that it can be added where it is constructed */
  add<Part>(part: Part, { name, start, stop }: Steps<Part>): Part {
    this.#stages.push({
      name,
      start: start && ((signal) => start(part, signal)),
      stop: stop && (() => stop(part)),
    })
    return part
  }

  /**
   * Starts one part after the other. One that fails ends that: it counts as not started, and those before it run until
   * {@link stop}.
   */
  async start(signal?: AbortSignal): Promise<void> {
    for (const stage of this.#stages) {
      await stage.start?.(signal)
      this.#started.add(stage)
    }
  }

  /**
   * Stops what was started, and what needs no start, one part after the other. One that fails keeps none of the others
   * from being stopped. Called again, it answers the same.
   *
   * @throws AggregateError of everything that could not be stopped
   */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stopAll())
  }

  async #stopAll(): Promise<void> {
    const failures: Error[] = []
    for (const stage of this.#stages.toReversed()) {
      if (stage.start && !this.#started.has(stage)) continue
      try {
        await stage.stop?.()
      } catch (error) {
        failures.push(new Error(`${stage.name} could not be stopped: ${String(error)}`, { cause: error }))
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join('; '))
  }
}
