/** Conditions that are checked whenever something has happened, instead of again and again. */
export interface Conditions {
  /** Resolves when the condition holds, which is checked now and by each call of `check`. */
  until(holds: () => boolean): Promise<void>
  check(): void
}

export function createConditions(): Conditions {
  const waiting = new Set<() => void>()
  return {
    until: (holds) =>
      new Promise((resolve) => {
        const check = () => {
          if (!holds()) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
    check() {
      for (const check of waiting) check()
    },
  }
}
