import { createInterface } from 'node:readline'
import { mintToken } from '../../../src/auth/development.ts'
import { type Ending, Subscribers } from '../../../bench/fan-out/subscribers.ts'

/** The crowd's gateway, room and numbers of subscribers; stalled subscribers do not read. */
export interface CrowdOptions {
  readonly url: string
  readonly secret: string
  readonly roomId: string
  readonly live: number
  readonly stalled: number
}

/** One line of output: all subscribers are connected; all live ones received an update; how the stalled ones ended. */
export type Report =
  | { readonly kind: 'ready'; readonly seq: number }
  | { readonly kind: 'received'; readonly seq: number }
  | { readonly kind: 'woken'; readonly endings: readonly Ending[] }

/** The gateway's limit of sockets per user. */
const SOCKETS_EACH = 20
const QUERY = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) { seq room { metadata again: metadata } } }`

const { url, secret, roomId, live, stalled } = JSON.parse(process.argv[2] ?? '') as CrowdOptions
const report = (message: Report) => process.stdout.write(`${JSON.stringify(message)}\n`)

const openingMessages = async (_: unknown, index: number): Promise<string[]> => {
  const userId = `reader-${Math.floor(index / SOCKETS_EACH)}`
  const token = await mintToken({ secret, userId, ttl: 3600, scopes: ['rtc:admin'], now: new Date() })
  return [
    JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }),
    JSON.stringify({ id: '1', type: 'subscribe', payload: { query: QUERY, variables: { roomId } } }),
  ]
}
const openings = await Promise.all(Array.from({ length: live + stalled }, openingMessages))

const readers = new Subscribers(`${url.replace('http', 'ws')}/graphql`)
const snapshots = new Promise<number>((resolve) => {
  readers.onAll((seq) => readers.count === live && resolve(seq))
})
await readers.add(openings.slice(0, live))
await readers.add(openings.slice(live), { stalled: true })
report({ kind: 'ready', seq: await snapshots })

readers.onAll((seq) => report({ kind: 'received', seq }))
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'wake') report({ kind: 'woken', endings: await readers.wake() })
}
readers.close()
