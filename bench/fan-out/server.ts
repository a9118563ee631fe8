import { gateway } from './gateway.ts'
import { plain } from './plain.ts'
import { raw } from './raw.ts'
import type { Scene, Variant } from './variant.ts'

/** Length of a flood, in updates or in milliseconds. */
export type Length = { readonly events: number } | { readonly milliseconds: number }

/** Messages from the benchmark to the server's process. */
export type Order =
  | { readonly kind: 'hello'; readonly from: number; readonly count: number }
  /** Sends updates to the rooms in turns, at most `window` ahead of the received ones. */
  | { readonly kind: 'flood'; readonly length: Length; readonly window: number }
  /** Sends `events` updates, one every `interval` milliseconds. */
  | { readonly kind: 'pace'; readonly events: number; readonly interval: number }
  /** Reports that so many updates of the flood have been received. */
  | { readonly kind: 'received'; readonly events: number }
  | { readonly kind: 'memory' }
  | { readonly kind: 'close' }

/** An update: its room, its seq, and when it was published, in milliseconds of the system's monotonic clock. */
export type Published = readonly [room: number, seq: number, at: number]

export type Report =
  | { readonly kind: 'ready'; readonly url: string; readonly sendsSnapshot: boolean }
  | { readonly kind: 'hello'; readonly messages: readonly (readonly string[])[] }
  | { readonly kind: 'published'; readonly updates: readonly Published[]; readonly cpu: number }
  | { readonly kind: 'memory'; readonly heap: number; readonly rss: number }

const [, , name = '', databaseUrl = '', scenery = ''] = process.argv
const scene = JSON.parse(scenery) as Scene
const variants: Readonly<Record<string, () => Promise<Variant>>> = {
  raw: () => raw(scene),
  plain: () => plain(scene),
  gateway: () => gateway(databaseUrl, scene),
}
const start = variants[name]
if (!start) throw new Error('unknown variant')
const variant = await start()

const now = () => Number(process.hrtime.bigint()) / 1e6
const report = (message: Report) => process.send?.(message)
/** Updates of the flood that the subscribers have received. */
const progress = { events: 0, wake: () => {} }

async function publish(isOver: (count: number) => boolean, turn: (count: number) => Promise<void>): Promise<void> {
  const updates: Published[] = []
  const before = process.cpuUsage()
  while (!isOver(updates.length)) {
    const room = updates.length % scene.rooms
    const at = now()
    updates.push([room, variant.publish(room), at])
    await turn(updates.length)
  }
  const { user, system } = process.cpuUsage(before)
  report({ kind: 'published', updates, cpu: (user + system) / 1000 })
}

async function flood(length: Length, window: number): Promise<void> {
  progress.events = 0
  const until = 'milliseconds' in length ? now() + length.milliseconds : Infinity
  const events = 'events' in length ? length.events : Infinity
  await publish(
    (count) => count >= events || now() >= until,
    async (count) => {
      await new Promise((resolve) => setImmediate(resolve))
      while (count - progress.events >= window) {
        await new Promise<void>((resolve) => {
          progress.wake = resolve
        })
      }
    },
  )
}

async function pace(events: number, interval: number): Promise<void> {
  const start = now()
  await publish(
    (count) => count >= events,
    (count) => new Promise((resolve) => setTimeout(resolve, Math.max(0, start + count * interval - now()))),
  )
}

async function execute(order: Order): Promise<void> {
  switch (order.kind) {
    case 'hello': {
      const messages = Array.from({ length: order.count }, (_, index) => variant.hello(order.from + index))
      report({ kind: 'hello', messages: await Promise.all(messages) })
      return
    }
    case 'flood':
      return flood(order.length, order.window)
    case 'pace':
      return pace(order.events, order.interval)
    case 'received':
      progress.events = order.events
      progress.wake()
      return
    case 'memory': {
      globalThis.gc?.()
      globalThis.gc?.()
      const { heapUsed, rss } = process.memoryUsage()
      report({ kind: 'memory', heap: heapUsed, rss })
      return
    }
    case 'close':
      await variant.close()
      process.disconnect()
  }
}

// The harness has ended, or has closed the variant.
process.once('disconnect', () => process.exit())
process.on('message', (order: Order) => void execute(order))
report({ kind: 'ready', url: variant.url, sendsSnapshot: variant.sendsSnapshot })
