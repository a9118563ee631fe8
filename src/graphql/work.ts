import { getNamedType, type GraphQLResolveInfo, isCompositeType } from 'graphql'
import { badInput } from '../core/errors.ts'
import { Pricing } from './cost.ts'

/** Limits of one response. */
export const ANSWER_MAX = {
  /** Values in lists without a page size: enough for a room of 10 000 participants with eleven fields each. */
  values: 120_000,
  bytes: 4 * 1024 * 1024,
} as const

/** The budget of one response. Lists without a page size are charged by their actual length. */
export class Work {
  #left: number = ANSWER_MAX.values
  /** Values per item, by the first node of the list field. */
  readonly #prices = new Map<unknown, number>()
  #price = 1

  /** The number of items at the last price that the budget still covers. */
  get itemsLeft(): number {
    return Math.max(0, Math.floor(this.#left / this.#price))
  }

  /** Values per item of the list field that is being resolved. */
  price(info: GraphQLResolveInfo): number {
    const known = this.#prices.get(info.fieldNodes[0])
    const price = known ?? priceOf(info)
    this.#prices.set(info.fieldNodes[0], price)
    this.#price = price
    return price
  }

  /** @throws RtcError BAD_USER_INPUT when the response would have too many values */
  charge(items: number, info: GraphQLResolveInfo): void {
    this.#left -= items * this.price(info)
    if (this.#left >= 0) return
    throw badInput([
      {
        path: info.fieldName,
        message: `the response would have more than ${ANSWER_MAX.values} values; select fewer fields, or use participantsPage`,
      },
    ])
  }
}

function priceOf({ schema, fragments, operation, variableValues, fieldNodes, returnType }: GraphQLResolveInfo): number {
  const type = getNamedType(returnType)
  if (!isCompositeType(type)) return 1
  const pricing = new Pricing({
    schema,
    fragments: new Map(Object.entries(fragments)),
    operation,
    variables: variableValues,
  })
  return fieldNodes.reduce(
    (sum, { selectionSet }) => sum + (selectionSet ? pricing.selection(selectionSet, type).cost : 0),
    1,
  )
}

/** Items completed per turn of the event loop. */
const CHUNK = 100

/** Splits a long list into chunks: the first is available immediately, each following one after `turn` resolves. */
export function inTurns<T>(items: readonly T[], turn: () => Promise<void>): (T | Promise<T>)[] {
  if (items.length <= CHUNK) return [...items]
  let wait = Promise.resolve()
  return items.map((item, index) => {
    if (index > 0 && index % CHUNK === 0) wait = wait.then(turn)
    return index < CHUNK ? item : wait.then(() => item)
  })
}

/** Whether the JSON of a value would exceed `max` bytes; estimated without serialising it. */
export function exceedsBytes(value: unknown, max: number): boolean {
  let left = max
  const count = (item: unknown): void => {
    if (left < 0) return
    if (typeof item === 'string') left -= item.length + 3
    else if (typeof item !== 'object' || item === null || item instanceof Date) left -= 8
    else if (Array.isArray(item)) for (const element of item) count(element)
    else {
      for (const key in item) {
        left -= key.length + 4
        count((item as Record<string, unknown>)[key])
      }
    }
  }
  count(value)
  return left < 0
}
