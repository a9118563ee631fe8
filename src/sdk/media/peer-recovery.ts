/** Milliseconds until a new connection must carry media. */
const CONNECT_TIMEOUT = 15_000
/** Milliseconds that an ICE restart is given. */
const RESTART_TIMEOUT = 10_000
/** Milliseconds that a rebuilt connection is given. */
const REBUILD_TIMEOUT = 15_000
/** Milliseconds between attempts after the peer was given up. */
const RETRY_INTERVAL = 60_000
/** Milliseconds that a connection may be `disconnected`, or a fresh attempt `failed`: often it comes back by itself. */
const DISCONNECT_TOLERANCE = 3_000

export interface PeerRecoveryOptions {
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
export class PeerRecovery {
  readonly #options: PeerRecoveryOptions
  #step: 'new' | 'restarted' | 'rebuilt' | 'givenUp' = 'new'
  #timer: ReturnType<typeof setTimeout> | undefined
  #dueAt = Infinity

  constructor(options: PeerRecoveryOptions) {
    this.#options = options
  }

  /** A new connection is to be made. */
  begin(): void {
    this.#step = 'new'
    this.#scheduleStep(CONNECT_TIMEOUT)
  }

  stateChanged(state: RTCPeerConnectionState): void {
    if (state === 'connected') {
      this.stop()
      this.#step = 'new'
    } else if (state === 'disconnected') this.#scheduleStepWithin(DISCONNECT_TOLERANCE)
    else if (state === 'failed') this.#scheduleStepWithin(this.#step === 'new' ? 0 : DISCONNECT_TOLERANCE)
  }

  /** The connection was built from nothing, whichever side began it: that is not done a second time. */
  rebuilt(): void {
    if (this.#step === 'givenUp') return
    this.#step = 'rebuilt'
    this.#scheduleStep(REBUILD_TIMEOUT)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#dueAt = Infinity
  }

  #runStep(): void {
    switch (this.#step) {
      case 'new':
        this.#step = 'restarted'
        this.#scheduleStep(RESTART_TIMEOUT)
        return this.#options.restart()
      case 'restarted':
        this.#step = 'rebuilt'
        this.#scheduleStep(REBUILD_TIMEOUT)
        return this.#options.rebuild()
      case 'rebuilt':
        this.#step = 'givenUp'
        this.#scheduleStep(RETRY_INTERVAL)
        return this.#options.giveUp()
      case 'givenUp':
        this.#scheduleStep(RETRY_INTERVAL)
        return this.#options.rebuild()
    }
  }

  #scheduleStep(delay: number): void {
    clearTimeout(this.#timer)
    this.#dueAt = Date.now() + delay + this.#options.slack
    this.#timer = setTimeout(() => this.#runStep(), delay + this.#options.slack)
  }

  #scheduleStepWithin(delay: number): void {
    if (this.#step !== 'givenUp' && Date.now() + delay + this.#options.slack < this.#dueAt) this.#scheduleStep(delay)
  }
}
