import { useEffect, useState } from 'preact/hooks'

/** A state that is replaced, never changed, and told to whoever listens. */
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

  /** @returns what ends it */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** The store's state, and a new rendering whenever it is another. */
export function useStore<State extends object>(store: Store<State>): State {
  const [state, setState] = useState(store.state)
  useEffect(() => {
    const follow = () => setState(store.state)
    follow()
    return store.subscribe(follow)
  }, [store])
  return state
}
