import { expect, test } from 'vitest'
import { attacks } from '../bench/attack/attacks.ts'
import { Bystander, CALLS } from '../bench/attack/bystander.ts'
import { SECRET, Target } from '../bench/attack/target.ts'
import { startWorld } from './world.ts'

/** The attacks of `npm run bench:attack`, scaled down and all at once. This test asserts counts, the benchmark times. */
const [SIZE, SECONDS] = [0.01, 8]

test('serves a bystander during all attacks at once, and releases all resources afterwards', async () => {
  const world = await startWorld({ env: { JWT_SECRET: SECRET, RATE_LIMITS: 'on', RING_TIMEOUT: '5' } })
  const { app, url } = world
  const targets = attacks.map((_, index) => new Target(url, `127.0.2.${index + 1}`))
  const each = (act: (attack: (typeof attacks)[number], target: Target) => Promise<void> | undefined) =>
    Promise.all(attacks.map(async (attack, index) => act(attack, targets[index] ?? expect.unreachable())))
  try {
    await each((attack, target) => attack.prepare?.(target, SIZE))
    const bystander = await Bystander.start(url)
    const over = AbortSignal.timeout(SECONDS * 1000)
    await each((attack, target) => attack.run(target, SIZE, over))
    const { requests, failed } = bystander.report()
    expect(requests).toBeGreaterThan(10)
    expect(failed).toBe(0)
    // Only the bystander's streams remain.
    const left = () => [app.hub.size, app.fanOut.size, app.calls.size]
    await expect.poll(left, { timeout: 20_000 }).toEqual([CALLS, CALLS, 0])
    await bystander.stop()
  } finally {
    for (const target of targets) target.close()
    await world.close()
  }
}, 120_000)
