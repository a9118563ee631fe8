import { isDeepStrictEqual } from 'node:util'

const UUID = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/**
 * An answer without what no two servers can have the same: ids and times of their making, here numbered in the order in
 * which they appear, session ids and durations.
 */
export function withoutIdentity(answer: unknown): unknown {
  const ids = new Map<string, string>()
  const nameOf = (id: string) => {
    const name = ids.get(id) ?? `id ${ids.size + 1}`
    ids.set(id, name)
    return name
  }
  const visit = (value: unknown, key?: string): unknown => {
    if (key === 'sessionId') return value === null ? null : 'a session'
    if (key === 'duration') return value === null ? null : 'a duration'
    if (typeof value === 'string') return TIME.test(value) ? 'a time' : value.replaceAll(UUID, nameOf)
    if (Array.isArray(value)) return value.map((item) => visit(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, visit(item, name)]))
  }
  return visit(answer)
}

/**
 * Speed counts only among servers that answer the same. The answers of an earlier gateway, named `before`, may lack fields
 * that were added since.
 *
 * @throws Error naming the first two that do not
 */
export function requireSame(answers: ReadonlyMap<string, unknown>): void {
  const [first, ...others] = answers
  if (!first) return
  for (const [name, answer] of others) {
    if (isDeepStrictEqual(answer, name === 'before' ? withFieldsOf(answer, first[1]) : first[1])) continue
    const shown = (value: unknown) => JSON.stringify(value)?.slice(0, 2000)
    throw new Error(`${first[0]} and ${name} answer differently:\n${shown(first[1])}\n${shown(answer)}`)
  }
}

/** The value, of whose objects only those fields are left that the answer has. */
function withFieldsOf(answer: unknown, value: unknown): unknown {
  if (Array.isArray(answer) && Array.isArray(value))
    return value.map((item, index) => withFieldsOf(answer[index], item))
  if (!isObject(answer) || !isObject(value)) return value
  const fields = Object.entries(value).filter(([name]) => name in answer)
  return Object.fromEntries(fields.map(([name, item]) => [name, withFieldsOf(answer[name], item)]))
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
