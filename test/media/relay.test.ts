import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callTests, type CallWorld, startCallWorld } from '../call-world.ts'
import { relayTests } from '../coturn.ts'
import { call, gather, reception } from './relay-page.ts'

describe.runIf(callTests && relayTests)('with a coturn that shares TURN_SECRET', { timeout: 60_000 }, () => {
  let world: CallWorld & { close(): Promise<void> }
  beforeAll(async () => {
    world = await startCallWorld({ relay: true })
  })
  afterAll(() => world?.close())

  test('video flows between two users over relays only, with signalling by the gateway', async () => {
    const [alice, bob] = [await world.person('alice'), await world.person('bob')]
    const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    for (const person of [alice, bob]) await person.rest('POST', `/rooms/${room.id}/join`)
    const page = await world.open()
    await call(page, room.id, [
      { userId: 'alice', token: alice.token },
      { userId: 'bob', token: bob.token },
    ])

    const received = () => reception(page, 'bob')
    await expect.poll(received, { timeout: 20_000 }).toMatchObject({ local: 'relay', remote: 'relay' })
    await expect.poll(async () => (await received()).framesDecoded, { timeout: 20_000 }).toBeGreaterThan(0)
    const before = await received()
    await expect.poll(async () => (await received()).framesDecoded).toBeGreaterThan(before.framesDecoded + 10)
    const after = await received()
    expect(after.bytesReceived).toBeGreaterThan(before.bytesReceived)
    expect(after).toMatchObject({ local: 'relay', remote: 'relay' })
  })

  test('coturn accepts the credentials of GET /ice-servers and refuses forged and expired ones with 401', async () => {
    const alice = await world.person('alice')
    const { body } = await alice.rest('GET', '/ice-servers')
    const [server] = body as RTCIceServer[]
    const page = await world.open()
    expect(await gather(page, server ?? { urls: [] })).toEqual({ candidates: ['relay'], errorCodes: [] })

    const signed = (expiresAt: number, secret: string): RTCIceServer => {
      const username = `${Math.floor(expiresAt / 1000)}:alice`
      const credential = createHmac('sha1', secret).update(username).digest('base64')
      return { urls: world.turn?.url ?? '', username, credential }
    }
    const { secret = '' } = world.turn ?? {}
    const [soon, past] = [Date.now() + 60_000, Date.now() - 60_000]
    expect((await gather(page, signed(soon, secret))).candidates).toEqual(['relay'])
    const refused = { candidates: [], errorCodes: [401] }
    expect(await gather(page, signed(soon, 'not the secret'))).toEqual(refused)
    expect(await gather(page, signed(past, secret))).toEqual(refused)
  })
})
