import {
  type DocumentNode,
  execute,
  type ExecutionArgs,
  type GraphQLError,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { RoomUpdate } from '../events/event.ts'
import type { Actor } from '../core/actor.ts'
import { type Context, createContext } from './context.ts'

/** The message for one update, ready to be sent; a promise where a field had to be fetched. */
export type Payload = Buffer | Promise<Buffer>

/** Readers whose messages are the same: same operation, same variables, same view. */
export interface Group {
  payloadOf(update: RoomUpdate): Payload
  /** One of the readers has gone. */
  leave(): void
}

/**
 * Executes a subscription once for all of its readers: those with the same document, operation and variables get the
 * same bytes for the same update. Where a field depends on the viewer (`extensions.dependsOnViewer`), only the viewer's
 * own readers share. A field that reads the viewer without saying so fails: nobody is shown what is another's.
 */
export class FanOut {
  readonly #coded: (error: unknown) => GraphQLError
  readonly #groups = new Map<string, SharedExecution>()

  /** @param coded - translates every error once */
  constructor(coded: (error: unknown) => GraphQLError) {
    this.#coded = coded
  }

  get size(): number {
    return this.#groups.size
  }

  /** The group that this subscription belongs to. Must be left. */
  join(args: ExecutionArgs): Group {
    const reading = readingOf(args)
    const key = keyOf(args, reading)
    const group = this.#groups.get(key) ?? new SharedExecution(args, reading, this.#coded)
    this.#groups.set(key, group)
    group.members += 1
    let left = false
    return {
      payloadOf: (update) => group.payloadOf(update),
      leave: () => {
        if (left) return
        left = true
        group.members -= 1
        if (group.members === 0) this.#groups.delete(key)
      },
    }
  }
}

class SharedExecution {
  readonly #args: ExecutionArgs
  readonly #coded: (error: unknown) => GraphQLError
  /** Updates live as long as the hub keeps them for readers who come back. */
  readonly #payloads = new WeakMap<RoomUpdate, Payload>()
  /** All readers ask for the same update, one after the other. */
  #lastUpdate: RoomUpdate | undefined
  #lastPayload: Payload | undefined
  members = 0

  constructor(args: ExecutionArgs, { readsViewer }: Reading, coded: (error: unknown) => GraphQLError) {
    const context = args.contextValue as Context
    this.#args = { ...args, contextValue: createContext(context, readsViewer ? context.actor : nobody) }
    this.#coded = coded
  }

  payloadOf(update: RoomUpdate): Payload {
    if (update === this.#lastUpdate && this.#lastPayload) return this.#lastPayload
    const payload = this.#payloads.get(update) ?? this.#execute(update)
    this.#lastUpdate = update
    this.#lastPayload = payload
    return payload
  }

  #execute(update: RoomUpdate): Payload {
    const result = execute({ ...this.#args, rootValue: update })
    const payload = result instanceof Promise ? result.then((value) => this.#print(value)) : this.#print(result)
    this.#payloads.set(update, payload)
    if (payload instanceof Promise) {
      payload.then(
        (ready) => this.#ready(update, ready),
        // Every reader hears of it by the promise itself.
        () => undefined,
      )
    }
    return payload
  }

  #ready(update: RoomUpdate, payload: Buffer): void {
    this.#payloads.set(update, payload)
    if (this.#lastUpdate === update) this.#lastPayload = payload
  }

  #print({ data, errors = [] }: { data?: unknown; errors?: readonly GraphQLError[] }): Buffer {
    const result = {
      ...(data !== undefined && { data }),
      ...(errors.length > 0 && { errors: errors.map((error) => this.#coded(error).toJSON()) }),
    }
    return Buffer.from(JSON.stringify(result))
  }
}

/** The viewer of what many see. */
const nobody = new Proxy({} as Actor, {
  get() {
    throw new Error('a field that depends on the viewer must say so in its extensions')
  },
})

interface Reading {
  readonly readsViewer: boolean
  /** Variables outside the root field's own arguments: those that change what a message looks like. */
  readonly variables: readonly string[]
}

/** What a document reads depends on the document alone. */
const readings = new WeakMap<DocumentNode, Reading>()

function readingOf({ schema, document }: ExecutionArgs): Reading {
  const known = readings.get(document)
  if (known) return known
  const types = new TypeInfo(schema)
  const variables = new Set<string>()
  let readsViewer = false
  const visitor = visitWithTypeInfo(types, {
    Field() {
      if (types.getFieldDef()?.extensions['dependsOnViewer']) readsViewer = true
    },
    VariableDefinition: () => false,
    // `roomId`, `after` and the like say where a reader begins, not what a message looks like.
    Argument: () =>
      !types.getDirective() && types.getParentType() === schema.getSubscriptionType() ? false : undefined,
    Variable({ name }) {
      variables.add(name.value)
    },
  })
  visit(document, visitor)
  const reading = { readsViewer, variables: [...variables].toSorted() }
  readings.set(document, reading)
  return reading
}

/** What tells one group from another. */
function keyOf(args: ExecutionArgs, { readsViewer, variables }: Reading): string {
  const { document, operationName = null, variableValues, contextValue } = args
  const { id, scopes } = (contextValue as Context).actor
  const values = variables.map((name) => variableValues?.[name] ?? null)
  const view = readsViewer ? [id, [...scopes].toSorted()] : null
  return JSON.stringify([document.loc?.source.body ?? print(document), operationName, values, view])
}
