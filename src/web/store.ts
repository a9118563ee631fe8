import { useEffect, useState } from 'preact/hooks'

/** Holds an immutable state and notifies listeners when it is replaced. */
export class Store<State extends object> {
  #state: State
  readonly #listeners = new Set<() => void>()

  constructor(state: State) {
    this.#state = state
  }

  get state(): State {
    return this.#state
  }

  update(patch: Partial<State>): void {
    this.#state = { ...this.#state, ...patch }
    for (const listener of this.#listeners) listener()
  }

  /** @returns a function that unsubscribes */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** Returns the store's state and re-renders when it changes. */
export function useStore<State extends object>(store: Store<State>): State {
  const [state, setState] = useState(store.state)
  useEffect(() => {
    const follow = () => setState(store.state)
    follow()
    return store.subscribe(follow)
  }, [store])
  return state
}
