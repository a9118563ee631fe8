import { afterEach, expect, test, vi } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { noObserver } from '../../src/core/observer.ts'
import { Heartbeat } from '../../src/presence/heartbeat.ts'
import { withWorld } from '../world.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('a node is visible to other nodes before it accepts connections', () =>
  withWorld(async ({ app, databaseUrl }) => {
    // The first heartbeat of the second node takes longer than the rest of its start.
    await app.prisma.$executeRaw`CREATE FUNCTION delay() RETURNS trigger LANGUAGE plpgsql
      AS 'BEGIN PERFORM pg_sleep(1); RETURN NEW; END'`
    await app.prisma.$executeRaw`CREATE TRIGGER delay BEFORE INSERT ON "Node" FOR EACH ROW EXECUTE FUNCTION delay()`
    await withWorld(async () => expect(await app.prisma.node.count()).toBe(2), { dependencies: { databaseUrl } })
  }))

test('a node that starts gives late nodes time for a heartbeat before it disconnects their participants', async () => {
  vi.useFakeTimers()
  const disconnected: string[] = []
  const heartbeat = new Heartbeat({
    nodeId: 'this',
    store: {
      hold: async () => undefined,
      drop: async () => undefined,
      isHeld: async () => false,
      beat: async () => ({ missed: false }),
      orphans: async () => [{ roomId: 'room', userId: 'alice', deviceId: null, nodeId: 'late' }],
      liveNodes: async () => 1,
      deleteNode: async () => undefined,
      overdue: async () => [],
      stopAwaiting: async () => undefined,
    },
    executor: {
      async execute(roomId) {
        disconnected.push(roomId)
        throw new Error('the test needs no room')
      },
    },
    figures: () => ({}),
    leases: { writeAll: async () => undefined, retry: async () => undefined, settled: async () => undefined },
    connectedUsers: { writeAll: () => undefined, retry: () => undefined, stop: async () => undefined },
    connectedUserStore: { deleteOrphans: async () => 0 },
    log: createLogger('silent'),
    observer: noObserver,
  })
  await heartbeat.start()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(disconnected).toEqual([])
  await vi.advanceTimersByTimeAsync(5_000)
  expect(disconnected).toContain('room')
  await heartbeat.stop()
})
