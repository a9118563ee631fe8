import type { AdminService } from '../admin/service.ts'
import type { BlockService } from '../blocks/service.ts'
import type { IncomingCalls } from '../calls/incoming.ts'
import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import type { Pacer } from '../core/pacer.ts'
import type { TimeSlices } from '../core/time-slices.ts'
import type { PrismaClient } from '../db/generated/prisma/client.ts'
import type { DeliverySink } from '../events/delivery.ts'
import type { FanOut } from '../events/fan-out.ts'
import type { RoomStreams } from '../events/stream.ts'
import type { Media } from '../media/connection.ts'
import type { PeopleService } from '../people/service.ts'
import type { PushService } from '../push/service.ts'
import type { OpenRoomReader, RoomReader } from '../rooms/reader.ts'
import type { RoomService } from '../rooms/service.ts'
import type { Signals } from '../signals/service.ts'
import type { WebhookService } from '../webhooks/service.ts'
import { Work } from './work.ts'

/** The services that resolvers call. */
export interface Services {
  readonly prisma: PrismaClient
  readonly admin: AdminService
  readonly people: PeopleService
  readonly webhooks: WebhookService
  readonly rooms: RoomService
  readonly openRoomReader: OpenRoomReader
  readonly blocks: BlockService
  readonly push: PushService
  readonly streams: RoomStreams
  readonly calls: IncomingCalls
  readonly signals: Signals
  readonly media: Media
  readonly clock: Clock
  readonly slices: TimeSlices
  readonly fanOut: FanOut
}

/** Everything that every context shares: the services, and the pacer of this GraphQL instance. */
export interface ContextDependencies extends Services {
  readonly pacer: Pacer
}

export interface Context extends ContextDependencies {
  readonly actor: Actor
  /** Key for sharing the event loop among long lists; see {@link Pacer}. */
  readonly lane: string
  /** Receives the operation's messages. Present on WebSockets and event streams only. */
  readonly sink: DeliverySink | undefined
  /** The remaining budget of this response. */
  readonly work: Work
  readonly reader: RoomReader
  /** The time as of which rooms are shown; undefined: now. */
  readonly asOf: Date | undefined
  /** What the root fields of a query or mutation have returned in an earlier execution, by response key. */
  readonly outcomes: ReadonlyMap<string, unknown> | undefined
  /** Creates the context of another execution with the same services. Options that are not given are inherited. */
  fork(options?: Partial<ContextOptions>): Context
}

export interface ContextOptions {
  readonly actor: Actor
  readonly lane: string
  readonly sink?: DeliverySink | undefined
  readonly asOf?: Date | undefined
  /** @default undefined, also in a fork */
  readonly outcomes?: ReadonlyMap<string, unknown> | undefined
}

/** Creates the context of one execution. Created for each request: the reader is opened when a field first needs it. */
export const createContext = (dependencies: ContextDependencies, options: ContextOptions): Context =>
  new ExecutionContext(dependencies, options)

class ExecutionContext implements Context {
  readonly prisma: PrismaClient
  readonly admin: AdminService
  readonly people: PeopleService
  readonly webhooks: WebhookService
  readonly rooms: RoomService
  readonly openRoomReader: OpenRoomReader
  readonly blocks: BlockService
  readonly push: PushService
  readonly streams: RoomStreams
  readonly calls: IncomingCalls
  readonly signals: Signals
  readonly media: Media
  readonly clock: Clock
  readonly slices: TimeSlices
  readonly fanOut: FanOut
  readonly pacer: Pacer
  readonly actor: Actor
  readonly lane: string
  readonly sink: DeliverySink | undefined
  readonly asOf: Date | undefined
  readonly outcomes: ReadonlyMap<string, unknown> | undefined
  readonly work = new Work()
  #reader: RoomReader | undefined

  constructor(dependencies: ContextDependencies, { actor, lane, sink, asOf, outcomes }: ContextOptions) {
    this.prisma = dependencies.prisma
    this.admin = dependencies.admin
    this.people = dependencies.people
    this.webhooks = dependencies.webhooks
    this.rooms = dependencies.rooms
    this.openRoomReader = dependencies.openRoomReader
    this.blocks = dependencies.blocks
    this.push = dependencies.push
    this.streams = dependencies.streams
    this.calls = dependencies.calls
    this.signals = dependencies.signals
    this.media = dependencies.media
    this.clock = dependencies.clock
    this.slices = dependencies.slices
    this.fanOut = dependencies.fanOut
    this.pacer = dependencies.pacer
    this.actor = actor
    this.lane = lane
    this.sink = sink
    this.asOf = asOf
    this.outcomes = outcomes
  }

  get reader(): RoomReader {
    return (this.#reader ??= this.openRoomReader({ viewer: this.actor, itemsLeft: () => this.work.itemsLeft }))
  }

  fork({
    actor = this.actor,
    lane = this.lane,
    sink = this.sink,
    asOf = this.asOf,
    outcomes,
  }: Partial<ContextOptions> = {}): Context {
    return new ExecutionContext(this, { actor, lane, sink, asOf, outcomes })
  }
}
