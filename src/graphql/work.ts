import { type FieldNode, getNamedType, type GraphQLResolveInfo, isCompositeType } from 'graphql'
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
  /** {@link priceOf} of fields whose price depends on the variables, by their first node. Absent while there are none. */
  #prices: Map<unknown, number> | undefined
  #price = 1

  /** The number of items at the last price that the budget still covers. */
  get itemsLeft(): number {
    return Math.max(0, Math.floor(this.#left / this.#price))
  }

  /** Values per item of the list field that is being resolved. */
  price(info: GraphQLResolveInfo): number {
    const [node] = info.fieldNodes
    const known = node && (fixedPrices.get(node) ?? this.#prices?.get(node))
    this.#price = known ?? this.#remember(info)
    return this.#price
  }

  #remember(info: GraphQLResolveInfo): number {
    const { price, isFixed } = priceOf(info)
    const [node] = info.fieldNodes
    if (isFixed && node) fixedPrices.set(node, price)
    else (this.#prices ??= new Map()).set(node, price)
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

/** By the node of a list field, which fully determines a price that no variable affects. */
const fixedPrices = new WeakMap<FieldNode, number>()

/** Whether the price depends on variables is known only after it was computed. */
function priceOf(info: GraphQLResolveInfo): { readonly price: number; readonly isFixed: boolean } {
  const { schema, fragments, operation, variableValues, fieldNodes, returnType } = info
  const type = getNamedType(returnType)
  if (!isCompositeType(type)) return { price: 1, isFixed: true }
  const pricing = new Pricing({
    schema,
    fragments: new Map(Object.entries(fragments)),
    operation,
    variables: variableValues,
  })
  const price = fieldNodes.reduce(
    (sum, { selectionSet }) => sum + (selectionSet ? pricing.selection(selectionSet, type).cost : 0),
    1,
  )
  return { price, isFixed: !pricing.readsVariables && fieldNodes.length === 1 }
}

/** Items completed per turn of the event loop. */
const CHUNK = 100

/** Splits a long list into chunks: the first is available immediately, each following one after `turn` resolves. */
export function inTurns<T>(items: T[], turn: () => Promise<void>): (T | Promise<T>)[] {
  if (items.length <= CHUNK) return items
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
