import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test, vi } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { noObserver } from '../../src/core/observer.ts'
import { Bus } from '../../src/events/bus.ts'
import type { Notice } from '../../src/events/notice.ts'

const notice = (seq: number): Notice => ({ kind: 'room', roomId: `room-${seq}`, seq })

/** A bus whose transport, which sends at once, records each batch. */
function recordingBus() {
  const batches: (readonly Notice[])[] = []
  const answers: WeakRef<object>[] = []
  const bus = new Bus({
    transport: {
      selective: false,
      connect: async () => ({
        async send(notices) {
          batches.push(notices)
          const answer = { payloads: 1 }
          answers.push(new WeakRef(answer))
          return answer
        },
        watch: () => undefined,
        unwatch: () => undefined,
        close: () => undefined,
      }),
    },
    onNotice: () => undefined,
    onGap: () => undefined,
    log: createLogger('error'),
    observer: noObserver,
  })
  bus.start()
  return { bus, batches, answers }
}

afterEach(() => vi.useRealTimers())

test('sends a lone notice at once, and together those that follow within two milliseconds', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const { bus, batches } = recordingBus()
  await vi.waitFor(() => expect(bus.state().connected).toBe(true))
  bus.announce(notice(1))
  expect(batches).toEqual([[notice(1)]])
  await new Promise(setImmediate)
  bus.announce(notice(2))
  bus.announce(notice(3))
  await vi.waitFor(() => expect(batches).toEqual([[notice(1)], [notice(2), notice(3)]]))
  vi.advanceTimersByTime(2)
  bus.announce(notice(4))
  expect(batches.at(-1)).toEqual([notice(4)])
  await bus.close()
})

test('sends the pending notices before it closes', async () => {
  const { bus, batches } = recordingBus()
  await vi.waitFor(() => expect(bus.state().connected).toBe(true))
  for (const seq of [1, 2]) bus.announce(notice(seq))
  await bus.close()
  expect(batches.flat()).toEqual([notice(1), notice(2)])
})

test('waits longer after a batch of many notices than after a small one', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const { bus, batches } = recordingBus()
  await until(() => bus.state().connected)
  for (let seq = 1; seq <= 41; seq += 1) bus.announce(notice(seq))
  await until(() => batches.length === 2)
  expect(batches.map(({ length }) => length)).toEqual([1, 40])
  await new Promise(setImmediate)
  vi.advanceTimersByTime(9)
  bus.announce(notice(42))
  expect(batches).toHaveLength(2)
  await until(() => batches.length === 3)
  await new Promise(setImmediate)
  vi.advanceTimersByTime(2)
  bus.announce(notice(43))
  expect(batches.slice(2)).toEqual([[notice(42)], [notice(43)]])
  await bus.close()
})

test('keeps nothing of earlier batches while the connection lasts', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const { bus, batches, answers } = recordingBus()
  await until(() => bus.state().connected)
  for (const seq of [1, 2]) {
    bus.announce(notice(seq))
    await until(() => batches.length === seq)
  }
  await expect
    .poll(() => {
      collectGarbage()
      return answers[0]?.deref() === undefined
    })
    .toBe(true)
  await bus.close()
})

/** Unlike `vi.waitFor`, does not advance the faked time. */
async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise(setImmediate)
}
