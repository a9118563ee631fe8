import { gateway } from './gateway.ts'
import { plain } from './plain.ts'
import { raw } from './raw.ts'
import type { Variant } from './variant.ts'

/** The orders of the benchmark to the server's process. */
export type Order =
  | { readonly kind: 'hello'; readonly from: number; readonly count: number }
  /** Sends `events` updates, never more than `window` ahead of what all readers have. */
  | { readonly kind: 'flood'; readonly events: number; readonly window: number }
  /** Sends `events` updates, one every `interval` milliseconds. */
  | { readonly kind: 'pace'; readonly events: number; readonly interval: number }
  /** All readers have this update. */
  | { readonly kind: 'received'; readonly seq: number }
  | { readonly kind: 'memory' }
  | { readonly kind: 'close' }

export type Report =
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'hello'; readonly messages: readonly (readonly string[])[] }
  /** When each update was published: milliseconds of the system's monotonic clock. */
  | {
      readonly kind: 'published'
      readonly times: readonly (readonly [seq: number, at: number])[]
      readonly cpu: number
    }
  | { readonly kind: 'memory'; readonly heap: number; readonly rss: number }

const variants: Record<string, () => Promise<Variant>> = {
  raw,
  plain,
  gateway: () => gateway(process.argv[3] ?? ''),
}
const variant = await variants[process.argv[2] ?? '']?.()
if (!variant) throw new Error('which variant?')

const now = () => Number(process.hrtime.bigint()) / 1e6
const report = (message: Report) => process.send?.(message)
let received = 0
let onReceived = () => {}

async function publish(events: number, turn: (index: number, seq: number) => Promise<void>): Promise<void> {
  const times: [number, number][] = []
  const before = process.cpuUsage()
  for (let index = 0; index < events; index += 1) {
    const at = now()
    const seq = variant?.publish() ?? 0
    times.push([seq, at])
    await turn(index, seq)
  }
  const { user, system } = process.cpuUsage(before)
  report({ kind: 'published', times, cpu: (user + system) / 1000 })
}

process.on('message', (order: Order) => {
  void (async () => {
    if (order.kind === 'hello') {
      const readers = Array.from({ length: order.count }, (_, index) => variant.hello(order.from + index))
      report({ kind: 'hello', messages: await Promise.all(readers) })
    } else if (order.kind === 'flood') {
      await publish(order.events, async (index, seq) => {
        await new Promise((resolve) => setImmediate(resolve))
        received = Math.max(received, seq - 1 - index)
        while (seq - received >= order.window) {
          await new Promise<void>((resolve) => {
            onReceived = resolve
          })
        }
      })
    } else if (order.kind === 'pace') {
      const start = now()
      await publish(order.events, async (index) => {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, start + (index + 1) * order.interval - now())))
      })
    } else if (order.kind === 'received') {
      received = order.seq
      onReceived()
    } else if (order.kind === 'memory') {
      globalThis.gc?.()
      globalThis.gc?.()
      const { heapUsed, rss } = process.memoryUsage()
      report({ kind: 'memory', heap: heapUsed, rss })
    } else {
      await variant.close()
      process.disconnect()
    }
  })()
})
report({ kind: 'ready', url: variant.url })
