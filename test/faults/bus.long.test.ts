import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { natsTests, NatsServer } from '../nats.ts'
import { downFor, FACTOR, FaultRun } from './fault-run.ts'

describe.runIf(natsTests)('with a bus of NATS', () => {
  let server: NatsServer
  let run: FaultRun

  beforeAll(async () => {
    server = await NatsServer.start()
    run = await FaultRun.start({ BUS_URL: server.url })
  }, 60_000)
  afterAll(async () => {
    await server.kill()
    process.stdout.write(`\n${run.summary.join('\n')}\n`)
  })

  test('recovers from the bus killed repeatedly', async () => {
    await run.expectRecovery('kill -9 of NATS, started again', async () => {
      for (let round = 0; round < 5 * FACTOR; round += 1) {
        await server.kill()
        await delay(300)
        await server.start()
        await delay(300)
      }
    })
  }, 120_000)

  test('while the bus is gone, commands are acknowledged and every view follows', async () => {
    const before = { acknowledged: run.acknowledged, resumed: run.resumed }
    await server.kill()
    await downFor(5)
    expect(run.acknowledged).toBeGreaterThan(before.acknowledged)
    await run.expectConvergence()
    expect(run.resumed).toBe(before.resumed)
    await server.start()
    await run.expectRecovery('NATS was gone for 5 s', () => Promise.resolve())
  }, 120_000)

  test('recovers from half-open connections to the bus', async () => {
    await run.expectRecovery(`NATS frozen for ${8 * Math.min(FACTOR, 3)} s`, async () => {
      server.freeze()
      await downFor(8)
      server.thaw()
    })
  }, 120_000)

  test('recovers from a node killed while the bus is gone', async () => {
    await run.expectRecovery('kill -9 of a node and of NATS', async () => {
      await server.kill()
      await run.cluster.killNode(1)
      await downFor(2)
      await run.cluster.startNode(1)
      await server.start()
    })
  }, 120_000)

  test('afterwards every process exits by itself, and no rejection was unhandled', async () => {
    expect(await run.stop()).toEqual([])
  }, 60_000)
})
