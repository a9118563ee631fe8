import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { TimeSlices } from '../../src/core/time-slices.ts'
import { HttpConnection } from '../../src/http/connection.ts'

/** Milliseconds that the server spends on the bytes of one connection. */
const WORK = 2

test('spreads connections that send at the same time over many turns of the event loop', async () => {
  const slices = new TimeSlices()
  const served: number[] = []
  let turn = 0
  let isDone = false
  const nextTurn = () => {
    turn += 1
    if (!isDone) setImmediate(nextTurn)
  }
  const server = createServer((socket) => {
    const connection = new HttpConnection(socket, slices)
    connection.on('error', () => {})
    connection.on('data', () => {
      for (const until = performance.now() + WORK; performance.now() < until;);
      served.push(turn)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const clients = await Promise.all(
    Array.from({ length: 60 }, async () => {
      const client = connect(port, '127.0.0.1')
      await once(client, 'connect')
      return client
    }),
  )
  nextTurn()
  for (const client of clients) client.write('x')
  await expect.poll(() => served.length, { timeout: 20_000 }).toBe(clients.length)
  isDone = true
  const counts = new Map<number, number>()
  for (const servedTurn of served) counts.set(servedTurn, (counts.get(servedTurn) ?? 0) + 1)
  // A time slice of 5 ms serves three connections; one slice may end and another begin in the same counted turn.
  expect(Math.max(...counts.values())).toBeLessThanOrEqual(6)
  for (const client of clients) client.destroy()
  server.close()
})
