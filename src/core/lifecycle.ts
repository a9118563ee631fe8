/** How to start and stop a part. */
export interface Steps<Part> {
  /** The part's name in error messages. */
  readonly name: string
  /** Absent if the part is ready once constructed. */
  readonly start?: (part: Part, signal: AbortSignal | undefined) => void | Promise<void>
  /** Resolves when the part has released its resources. */
  readonly stop?: (part: Part) => void | Promise<void>
}

interface Stage {
  readonly name: string
  readonly start: ((signal: AbortSignal | undefined) => void | Promise<void>) | undefined
  readonly stop: (() => void | Promise<void>) | undefined
}

/**
 * Starts parts in the order in which they were added and stops them in reverse order. A part is added where it is
 * constructed, so it starts after its dependencies and stops before them.
 *
 * Like `AsyncDisposableStack`, which Node 20 does not have, plus the start.
 */
export class Lifecycle {
  readonly #stages: Stage[] = []
  /** Stages whose `start` has succeeded. Stages without `start` are not in it, and are always stopped. */
  readonly #started = new Set<Stage>()
  #stopping: Promise<void> | undefined

  /** @returns the part, so that the call can wrap its construction */
  add<Part>(part: Part, { name, start, stop }: Steps<Part>): Part {
    this.#stages.push({
      name,
      start: start && ((signal) => start(part, signal)),
      stop: stop && (() => stop(part)),
    })
    return part
  }

  /**
   * Starts the parts sequentially. Rejects at the first failure; the parts started before it keep running until
   * {@link stop}.
   */
  async start(signal?: AbortSignal): Promise<void> {
    for (const stage of this.#stages) {
      await stage.start?.(signal)
      this.#started.add(stage)
    }
  }

  /**
   * Stops the parts sequentially: those that were started, and those without a `start`. Stops all of them even if some
   * fail. Repeated calls return the same promise.
   *
   * @throws AggregateError with an error for each part that failed to stop
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
