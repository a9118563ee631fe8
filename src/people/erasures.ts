import { randomBytes } from 'node:crypto'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import type { Database } from '../db/client.ts'
import { statement } from '../db/statement.ts'
import type { ErasedUser, Holding } from './holdings.ts'

/** Milliseconds between two searches for erasures that no node works on. */
const INTERVAL = 5_000
/** Seconds without a batch after which another node continues an erasure. */
const CLAIM = 30

const CLAIM_ONE = statement(`
/* sweep */
UPDATE "Erasure" SET "claimedAt" = now() WHERE "userId" = (
  SELECT "userId" FROM "Erasure" WHERE "claimedAt" < now() - make_interval(secs => ${CLAIM})
   LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING "userId", "pseudonym"`)

/** Erases users batch by batch. What has begun is completed by any node, also after a restart. */
export class Erasures {
  readonly #database: Pick<Database, 'prisma' | 'statements'>
  readonly #holdings: readonly Holding[]
  /** Continues erasures that no node works on. */
  readonly job: PeriodicJob

  constructor(dependencies: {
    readonly database: Pick<Database, 'prisma' | 'statements'>
    readonly holdings: readonly Holding[]
    readonly log: Logger
    readonly observer: Observer
  }) {
    this.#database = dependencies.database
    this.#holdings = dependencies.holdings
    this.job = new PeriodicJob({ ...dependencies, name: 'erasures', interval: INTERVAL }, () => this.#continueOne())
  }

  /** Begins an erasure, or returns the one of this user that is not complete. */
  async begin(userId: string): Promise<ErasedUser> {
    const pseudonym = `erased-${randomBytes(12).toString('hex')}`
    const [row] = await this.#database.prisma.$queryRaw<ErasedUser[]>`
      INSERT INTO "Erasure" ("userId", "pseudonym", "claimedAt") VALUES (${userId}, ${pseudonym}, now())
      ON CONFLICT ("userId") DO UPDATE SET "claimedAt" = now() RETURNING "userId", "pseudonym"`
    return row ?? { userId, pseudonym }
  }

  /**
   * Erases batches until nothing is left or the time is over.
   *
   * @param until - milliseconds of the monotonic clock
   * @returns whether the erasure is complete
   */
  async run(user: ErasedUser, until = Infinity): Promise<boolean> {
    for (const holding of this.#holdings) {
      for (;;) {
        if (!(await holding.erase?.(user))) break
        await this.#database.prisma
          .$executeRaw`UPDATE "Erasure" SET "claimedAt" = now() WHERE "userId" = ${user.userId}`
        if (performance.now() >= until) return false
      }
    }
    await this.#database.prisma.$executeRaw`DELETE FROM "Erasure" WHERE "userId" = ${user.userId}`
    return true
  }

  async #continueOne(): Promise<boolean> {
    const [user] = await this.#database.statements.run<ErasedUser>(CLAIM_ONE, [])
    if (user) await this.run(user)
    return user !== undefined
  }
}
