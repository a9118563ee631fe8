/** Milliseconds within which a new connection must be established. */
const CONNECT_TIMEOUT = 15_000
/** Milliseconds allowed for an ICE restart. */
const RESTART_TIMEOUT = 10_000
/** Milliseconds allowed for a rebuilt connection. */
const REBUILD_TIMEOUT = 15_000
/** Milliseconds between attempts once the peer was given up. */
const RETRY_INTERVAL = 60_000
/**
 * Milliseconds to tolerate `disconnected`, or `failed` after a recovery step: the connection often recovers by itself.
 */
const DISCONNECT_TOLERANCE = 3_000

export interface PeerRecoveryOptions {
  /** Milliseconds added to each wait, so that the offering side acts first. */
  readonly slack: number
  restart(): void
  rebuild(): void
  giveUp(): void
}

/**
 * Schedules the recovery of a connection that is not established or was lost: one ICE restart, then one new connection,
 * then the peer is given up and one attempt follows each minute.
 */
export class PeerRecovery {
  readonly #options: PeerRecoveryOptions
  #step: 'new' | 'restarted' | 'rebuilt' | 'givenUp' = 'new'
  #timer: ReturnType<typeof setTimeout> | undefined
  #dueAt = Infinity

  constructor(options: PeerRecoveryOptions) {
    this.#options = options
  }

  /** A connection is expected from now on. */
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

  /** Either side has rebuilt the connection; it is not rebuilt a second time before the peer is given up. */
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
