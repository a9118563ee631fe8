import { setTimeout as delay } from 'node:timers/promises'
import type { Connections } from '../core/connections.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { ConnectionNotice, Notice, ReportedConnection } from '../events/notice.ts'
import type { AdminStore } from './store.ts'

/** A connection of a user at some node. */
export interface UserConnection {
  readonly nodeId: string
  readonly kind: string
  readonly openedAt: Date
}

/** A user's connections at all nodes that answered in time. */
export interface UserConnectionsReport {
  readonly connections: readonly UserConnection[]
  /** Live nodes that did not answer. */
  readonly missing: readonly string[]
}

/** Milliseconds to wait for the answers of the other nodes. */
const ANSWER_TIMEOUT = 1_000
/** Milliseconds between two checks for requests whose notice was lost. */
const CHECK_INTERVAL = 2_000

interface Dependencies {
  readonly nodeId: string
  readonly connections: Connections
  readonly store: Pick<AdminStore, 'liveNodes' | 'addDisconnection' | 'recentDisconnections'>
  /** Sends a notice to the other nodes. Does not throw. */
  announce(notice: Notice): void
  newId(): string
  readonly log: Logger
  readonly observer: Observer
}

interface Question {
  readonly missing: Set<string>
  readonly connections: UserConnection[]
  readonly answered: AbortController
}

/**
 * Lists and closes the connections of a user at every node. The node that is asked sends a question to the others, and
 * collects their answers. A request to close is also a row, which every node finds even if the notice was lost.
 */
export class UserConnections {
  readonly #dependencies: Dependencies
  readonly #questions = new Map<string, Question>()
  /** Ids of the requests that this node has carried out. */
  readonly #done = new Set<string>()
  /** Carries out requests whose notice was lost. */
  readonly job: PeriodicJob

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    this.job = new PeriodicJob({ ...dependencies, name: 'disconnections', interval: CHECK_INTERVAL }, () =>
      this.#check(),
    )
  }

  /** The user's connections. */
  list(userId: string): Promise<UserConnectionsReport> {
    return this.#ask(this.#dependencies.newId(), userId, false)
  }

  /** Closes the user's connections and returns them. */
  async disconnect(userId: string): Promise<UserConnectionsReport> {
    const requestId = this.#dependencies.newId()
    await this.#dependencies.store.addDisconnection(requestId, userId)
    return this.#ask(requestId, userId, true)
  }

  /** Called with a notice of another node. Neither throws nor blocks. */
  notice(notice: ConnectionNotice): void {
    const { nodeId, announce } = this.#dependencies
    if (notice.kind === 'connections') {
      const { requestId } = notice
      announce({ kind: 'connected', requestId, nodeId, connections: this.#answer(notice) })
    } else this.#collect(notice.requestId, notice.nodeId, notice.connections)
  }

  async #ask(requestId: string, userId: string, disconnect: boolean): Promise<UserConnectionsReport> {
    const { nodeId, announce, store } = this.#dependencies
    const nodes = await store.liveNodes()
    const missing = new Set([nodeId, ...nodes])
    const question: Question = { missing, connections: [], answered: new AbortController() }
    this.#questions.set(requestId, question)
    try {
      announce({ kind: 'connections', requestId, userId, disconnect })
      this.#collect(requestId, nodeId, this.#answer({ requestId, userId, disconnect }))
      if (missing.size > 0) {
        await delay(ANSWER_TIMEOUT, undefined, { signal: question.answered.signal }).catch(() => undefined)
      }
    } finally {
      this.#questions.delete(requestId)
    }
    return { connections: question.connections, missing: [...missing] }
  }

  #answer({ requestId, userId, disconnect }: Omit<ConnectionNotice & { kind: 'connections' }, 'kind'>) {
    const open = this.#dependencies.connections.of(userId)
    if (disconnect) {
      this.#done.add(requestId)
      for (const connection of open) connection.close()
    }
    return open.map(({ kind, openedAt }): ReportedConnection => [kind, openedAt.getTime()])
  }

  #collect(requestId: string, nodeId: string, reported: readonly ReportedConnection[]): void {
    const question = this.#questions.get(requestId)
    if (!question?.missing.delete(nodeId)) return
    for (const [kind, openedAt] of reported) {
      question.connections.push({ nodeId, kind, openedAt: new Date(openedAt) })
    }
    if (question.missing.size === 0) question.answered.abort()
  }

  /** Closes what was open at the time of a request that this node has not heard of. */
  async #check(): Promise<boolean> {
    const { store, connections } = this.#dependencies
    const recent = await store.recentDisconnections()
    for (const { id, userId, at } of recent) {
      if (this.#done.has(id)) continue
      this.#done.add(id)
      for (const connection of connections.of(userId)) if (connection.openedAt <= at) connection.close()
    }
    const ids = new Set(recent.map(({ id }) => id))
    // A request of this node may not be visible yet.
    if (this.#done.size > 2 * ids.size + 1_000) for (const id of this.#done) if (!ids.has(id)) this.#done.delete(id)
    return false
  }
}
