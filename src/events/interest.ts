/** The interest of this node in the notices of a topic. */
export interface Interest {
  /** Resolves when notices sent from now on arrive; undefined if they do already, or if the bus is not connected. */
  readonly ready: Promise<void> | undefined
  /** Ends the interest. Call it once. */
  release(): void
}

/** The interest in a topic whose notices arrive anyway. */
export const ALWAYS: Interest = { ready: undefined, release: () => undefined }
