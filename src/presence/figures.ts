import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What a node counts, written with each heartbeat. */
export interface NodeFigures {
  readonly sockets: number
  readonly eventStreams: number
  /** Users with at least one connection. */
  readonly users: number
  /** Rooms with subscribers. */
  readonly rooms: number
  /** Longest delay of the event loop but for one percent, since the last heartbeat, in milliseconds. */
  readonly eventLoopDelay: number
  /** Resident memory of the process, in MiB. */
  readonly memory: number
}

/** Milliseconds between two samples of the event loop, which every measured delay includes. */
const RESOLUTION = 20

/** Counts, from the first call of `take` on, what the heartbeat reports about this node's process. */
export class ProcessFigures {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION })

  /** The figures since the last call. The measurement keeps no process alive. */
  take(): Pick<NodeFigures, 'eventLoopDelay' | 'memory'> {
    this.#delays.enable()
    const delay = this.#delays.count === 0 ? 0 : Math.max(0, this.#delays.percentile(99) / 1e6 - RESOLUTION)
    this.#delays.reset()
    return { eventLoopDelay: Math.round(delay * 10) / 10, memory: Math.round(process.memoryUsage.rss() / 2 ** 20) }
  }
}
