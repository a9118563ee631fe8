import type { AuditLog } from '../admin/audit.ts'
import type { UserConnections } from '../admin/user-connections.ts'
import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { badInput } from '../core/errors.ts'
import { requireAdmin } from '../rooms/policy.ts'
import type { Erasures } from './erasures.ts'
import type { Holding, Item } from './holdings.ts'

/** A page of everything that is stored of a user: items by holding. */
export interface UserExport {
  readonly userId: string
  readonly exportedAt: string
  readonly data: Readonly<Record<string, readonly Item[]>>
  /** Continues the export; null on the last page. */
  readonly next: string | null
}

export interface UserErasure {
  readonly userId: string
  /** Stands for the user in rooms that others keep. */
  readonly pseudonym: string
  /** False if the gateway continues in the background. */
  readonly done: boolean
}

/** The use cases of people's data. They throw RtcError FORBIDDEN without the scope rtc:admin, and are audited. */
export interface PeopleService {
  /** @throws RtcError BAD_USER_INPUT for an invalid cursor */
  export(
    actor: Actor,
    userId: string,
    page: { readonly first: number; readonly after: string | null },
  ): Promise<UserExport>
  /** Idempotent. */
  erase(actor: Actor, userId: string): Promise<UserErasure>
}

/** Milliseconds after which an erasure continues in the background. */
const FOREGROUND = 2_000

/** The position of a page: the holding, and the cursor within it. */
type Position = readonly [index: number, after: string | null]

export function createPeopleService(dependencies: {
  readonly holdings: readonly Holding[]
  readonly erasures: Erasures
  readonly connections: Pick<UserConnections, 'disconnect'>
  readonly audit: AuditLog
  readonly clock: Clock
}): PeopleService {
  const { holdings, erasures, connections, audit, clock } = dependencies

  return {
    async export(actor, userId, { first, after }) {
      requireAdmin(actor)
      let [index, cursor] = after === null ? START : decode(after, holdings.length)
      if (after === null) await audit.record({ actor, action: 'export_user', userId })
      const data: Record<string, readonly Item[]> = {}
      let left = first
      for (let holding = holdings[index]; holding && left > 0; holding = holdings[index]) {
        const { items, next } = await holding.read(userId, { after: cursor, limit: left })
        data[holding.name] = items
        left -= items.length
        cursor = next
        if (next !== null) break
        index += 1
      }
      const next = index < holdings.length ? encode([index, cursor]) : null
      return { userId, exportedAt: clock.now().toISOString(), data, next }
    },

    async erase(actor, userId) {
      requireAdmin(actor)
      await audit.record({ actor, action: 'erase_user', userId })
      await connections.disconnect(userId)
      const user = await erasures.begin(userId)
      const done = await erasures.run(user, performance.now() + FOREGROUND)
      return { ...user, done }
    },
  }
}

const START: Position = [0, null]

const encode = (position: Position): string => Buffer.from(JSON.stringify(position)).toString('base64url')

function decode(cursor: string, holdings: number): Position {
  try {
    const [index, after] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as readonly unknown[]
    const isIndex = typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < holdings
    if (isIndex && (after === null || typeof after === 'string')) return [index, after]
  } catch {
    // Not a cursor.
  }
  throw badInput([{ path: 'after', message: 'is not a cursor of this export' }])
}
