import { describe, expect, it } from 'vitest'
import type { IncomingCall } from '../../src/sdk/index.ts'
import { listen, startClientWorld } from './people.ts'

const inWords = ({ type, answeredHere }: IncomingCall) => (answeredHere ? `${type} here` : type)

describe('incomingCall', () => {
  it('has answeredHere on the answering device only', async () => {
    const world = await startClientWorld()
    const [alice, phone, laptop] = [await world.client('alice'), await world.client('bob'), await world.client('bob')]
    await laptop.rtc.init({ deviceId: 'laptop' })
    const [onPhone, onLaptop] = [listen(phone, 'incomingCall'), listen(laptop, 'incomingCall')]
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    expect([inWords(await onPhone.next()), inWords(await onLaptop.next())]).toEqual(['ringing', 'ringing'])

    await laptop.rtc.joinRoom(id)
    expect(await onLaptop.next()).toMatchObject({ type: 'answered', answeredHere: true, deviceId: 'laptop' })
    expect(await onPhone.next()).toMatchObject({ type: 'answered', answeredHere: false, deviceId: 'laptop' })
    expect(laptop.rtc.deviceId).toBe('laptop')
    expect(phone.rtc.deviceId).not.toBe('laptop')
  })

  it('has answeredHere even if the connection was cut while answering', async () => {
    const world = await startClientWorld()
    const line = await world.line()
    const [alice, bob] = [await world.client('alice'), await world.client('bob', { url: line.url })]
    const calls = listen(bob, 'incomingCall')
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    await calls.next()
    line.down()
    const joined = bob.rtc.joinRoom(id)
    await world.bob.rest('POST', `/rooms/${id}/join`, { deviceId: bob.rtc.deviceId })
    line.up()
    expect(await calls.next()).toMatchObject({ type: 'answered', answeredHere: true, deviceId: bob.rtc.deviceId })
    expect(await joined).toMatchObject({ id })
  })

  it('replays ringing calls to a listener that is added later, which also receives their outcome', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const first = listen(bob, 'incomingCall')
    expect(bob.rtc.ringing).toEqual([])
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    await first.next()
    expect(bob.rtc.ringing.map((room) => room.id)).toEqual([id])
    expect(bob.rtc.ringing).toBe(bob.rtc.ringing)

    const later = listen(bob, 'incomingCall')
    await alice.rtc.endRoom(id)
    expect([inWords(await later.next()), inWords(await later.next())]).toEqual(['ringing', 'cancelled'])
    expect(inWords(await first.next())).toBe('cancelled')
    expect([first.waiting, later.waiting, bob.rtc.ringing]).toEqual([[], [], []])
  })

  it('is replayed to a listener that is added again, and not sent to a removed one', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const heard: string[] = []
    const hear = (call: IncomingCall) => heard.push(inWords(call))
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    // As React's StrictMode does.
    bob.rtc.on('incomingCall', hear)()
    const calls = listen(bob, 'incomingCall')
    expect(await calls.next()).toMatchObject({ type: 'ringing', room: { id } })
    bob.rtc.on('incomingCall', hear)()
    await bob.rtc.rejectCall(id)
    expect(inWords(await calls.next())).toBe('rejected')
    expect(heard).toEqual([])
  })
})
