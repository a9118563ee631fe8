/** Milliseconds until a new connection must carry media. */
const FIRST_MEDIA = 15_000
/** Milliseconds that an ICE restart is given. */
const RESTART_WAIT = 10_000
/** Milliseconds that a rebuilt connection is given. */
const REBUILD_WAIT = 15_000
/** Milliseconds between attempts after the peer was given up. */
const RETRY_INTERVAL = 60_000
/** Milliseconds that a connection may be `disconnected`, or a fresh attempt `failed`: often it comes back by itself. */
const PATIENCE = 3_000

export interface RecoveryOptions {
  /** Milliseconds added to each wait: the side that does not offer leaves the first move to the other. */
  readonly slack: number
  restart(): void
  rebuild(): void
  giveUp(): void
}

/**
 * What is done about a connection that does not come about, or was lost, and when: one ICE restart, then one connection
 * built from nothing, then the peer is given up; after that one attempt a minute.
 */
export class Recovery {
  readonly #options: RecoveryOptions
  #step: 'new' | 'restarted' | 'rebuilt' | 'givenUp' = 'new'
  #timer: ReturnType<typeof setTimeout> | undefined
  #due = Infinity

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  /** A new connection is to be made. */
  begin(): void {
    this.#step = 'new'
    this.#actIn(FIRST_MEDIA)
  }

  stateChanged(state: RTCPeerConnectionState): void {
    if (state === 'connected') {
      this.stop()
      this.#step = 'new'
    } else if (state === 'disconnected') this.#actWithin(PATIENCE)
    else if (state === 'failed') this.#actWithin(this.#step === 'new' ? 0 : PATIENCE)
  }

  /** The connection was built from nothing, whichever side began it: that is not done a second time. */
  rebuilt(): void {
    if (this.#step === 'givenUp') return
    this.#step = 'rebuilt'
    this.#actIn(REBUILD_WAIT)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#due = Infinity
  }

  #act(): void {
    switch (this.#step) {
      case 'new':
        this.#step = 'restarted'
        this.#actIn(RESTART_WAIT)
        return this.#options.restart()
      case 'restarted':
        this.#step = 'rebuilt'
        this.#actIn(REBUILD_WAIT)
        return this.#options.rebuild()
      case 'rebuilt':
        this.#step = 'givenUp'
        this.#actIn(RETRY_INTERVAL)
        return this.#options.giveUp()
      case 'givenUp':
        this.#actIn(RETRY_INTERVAL)
        return this.#options.rebuild()
    }
  }

  #actIn(delay: number): void {
    clearTimeout(this.#timer)
    this.#due = Date.now() + delay + this.#options.slack
    this.#timer = setTimeout(() => this.#act(), delay + this.#options.slack)
  }

  #actWithin(delay: number): void {
    if (this.#step !== 'givenUp' && Date.now() + delay + this.#options.slack < this.#due) this.#actIn(delay)
  }
}
