import { afterEach, expect, test, vi } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { noObserver } from '../../src/core/observer.ts'
import { Heartbeat } from '../../src/presence/heartbeat.ts'
import type { LeaseStore } from '../../src/presence/lease-store.ts'
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

/** A heartbeat that finds an orphaned lease, and the rooms of the participants that it disconnects. */
function scene(beat: LeaseStore['beat']) {
  const disconnected: string[] = []
  const heartbeat = new Heartbeat({
    nodeId: 'this',
    store: {
      hold: async () => undefined,
      drop: async () => undefined,
      isHeld: async () => false,
      beat,
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
  return { heartbeat, disconnected }
}

test('a node that starts gives late nodes time for a heartbeat before it disconnects their participants', async () => {
  vi.useFakeTimers()
  const { heartbeat, disconnected } = scene(async () => ({ missed: false }))
  await heartbeat.start()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(disconnected).toEqual([])
  await vi.advanceTimersByTimeAsync(5_000)
  expect(disconnected).toContain('room')
  await heartbeat.stop()
})

test('a node whose first heartbeat cannot be written starts, and tries again', async () => {
  vi.useFakeTimers()
  const beat = vi.fn<LeaseStore['beat']>().mockResolvedValue({ missed: true })
  beat.mockRejectedValueOnce(new Error('the database is read-only'))
  const { heartbeat } = scene(beat)
  await heartbeat.start()
  expect(beat).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(beat).toHaveBeenCalledTimes(2)
  await heartbeat.stop()
})
