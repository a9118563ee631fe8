import { describe, expect, it } from 'vitest'
import { manualClock } from '../world.ts'
import { listen, startClientWorld } from './people.ts'

describe('a token that expires', () => {
  it('is refreshed for requests and for streams without losing an event', async () => {
    const clock = manualClock()
    const world = await startClientWorld({ dependencies: { clock } })
    let asked = 0
    const refreshToken = () => {
      asked += 1
      return world.token('alice')
    }
    const alice = await world.client('alice', { token: await world.token('alice', { ttl: 2 }), refreshToken })
    const states = listen(alice, 'connectionStateChanged')
    const updates = listen(alice, 'roomUpdated')
    const { id } = await alice.rtc.createRoom({ type: 'group' })
    await alice.rtc.joinRoom(id)
    await states.until(({ state }) => state === 'connected')
    clock.advance(7)
    await states.until(({ state }) => state === 'reconnecting')
    await states.until(({ state }) => state === 'connected')
    await alice.rtc.inviteParticipants(id, ['bob'])
    expect(await updates.until(({ type }) => type === 'participant_invited')).toBeDefined()
    expect(asked).toBe(1)
  })

  it('is refreshed once for all waiting requests', async () => {
    const world = await startClientWorld()
    let asked = 0
    const alice = await world.client('alice', {
      token: await world.token('alice', { ttl: -10 }),
      async refreshToken() {
        asked += 1
        return world.token('alice')
      },
    })
    await Promise.all([alice.rtc.listRooms(), alice.rtc.listRooms(), alice.rtc.createRoom({ type: 'group' })])
    expect(asked).toBe(1)
  })

  it('ends the session with UNAUTHENTICATED if there is no refreshToken', async () => {
    const clock = manualClock()
    const world = await startClientWorld({ dependencies: { clock } })
    const alice = await world.client('alice', { token: await world.token('alice', { ttl: 2 }) })
    const [errors, ends] = [listen(alice, 'error'), listen(alice, 'ended')]
    const states = listen(alice, 'connectionStateChanged')
    const { id } = await alice.rtc.createRoom({ type: 'group' })
    await alice.rtc.joinRoom(id)
    await states.until(({ of, state }) => of === 'gateway' && state === 'connected')
    clock.advance(7)
    expect(await errors.next()).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await ends.next()).toMatchObject({ reason: 'disconnected' })
    expect(states.waiting.filter(({ of }) => of === 'gateway').at(-1)).toMatchObject({ state: 'disconnected' })
  })

  it('is reported once and not retried if it was never valid', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice', { token: 'not a token' })
    const [errors, states] = [listen(alice, 'error'), listen(alice, 'connectionStateChanged')]
    listen(alice, 'incomingCall')
    expect(await errors.next()).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(states.waiting.map(({ state }) => state)).toEqual(['connecting', 'disconnected'])
  })

  it('is given up after a few refused replacements', async () => {
    const world = await startClientWorld()
    let asked = 0
    const alice = await world.client('alice', {
      token: await world.token('alice', { ttl: -10 }),
      async refreshToken() {
        asked += 1
        return world.token('alice', { ttl: -10 })
      },
    })
    const [errors, states] = [listen(alice, 'error'), listen(alice, 'connectionStateChanged')]
    listen(alice, 'incomingCall')
    await states.until(({ state }) => state === 'disconnected')
    expect(await errors.next()).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThan(5)
  })

  it('is refreshed again after refreshToken failed on the network', async () => {
    const world = await startClientWorld()
    const failures: Error[] = [
      new TypeError('Failed to fetch'),
      new DOMException('', 'AbortError'),
      Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
    ]
    const alice = await world.client('alice', {
      token: await world.token('alice', { ttl: -10 }),
      async refreshToken() {
        const failure = failures.shift()
        if (failure) throw failure
        return world.token('alice')
      },
    })
    const errors = listen(alice, 'error')
    expect(await alice.rtc.listRooms()).toMatchObject({ rooms: [] })
    expect([failures, errors.waiting]).toEqual([[], []])
  })

  it('opens the stream after refreshToken failed on the network, without an error event', async () => {
    const world = await startClientWorld()
    let failures = 2
    const alice = await world.client('alice', {
      token: await world.token('alice', { ttl: -10 }),
      async refreshToken() {
        failures -= 1
        if (failures >= 0) throw new TypeError('fetch failed')
        return world.token('alice')
      },
    })
    const [errors, calls] = [listen(alice, 'error'), listen(alice, 'incomingCall')]
    await (await world.client('bob')).rtc.createRoom({ type: 'p2p', userId: 'alice' })
    expect(await calls.next()).toMatchObject({ type: 'ringing' })
    // The refusal is reported; the refresh that failed for a while on the network is not.
    expect(errors.waiting.map(({ code }) => code)).toEqual(['UNAUTHENTICATED'])
  })

  it('is UNREACHABLE when refreshToken keeps failing on the network', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice', {
      token: 'not a token',
      refreshToken: () => Promise.reject(new TypeError('Failed to fetch')),
    })
    await expect(alice.rtc.listRooms()).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })

  it('is UNAUTHENTICATED with the cause when refreshToken fails', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice', {
      token: 'not a token',
      refreshToken: () => Promise.reject(new Error('signed out')),
    })
    await expect(alice.rtc.listRooms()).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      cause: expect.objectContaining({ message: 'signed out' }) as Error,
    })
  })
})
