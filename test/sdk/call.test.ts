import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OpenChatClient } from '../../src/sdk/index.ts'
import type { RtcEventName, RtcEvents } from '../../src/sdk/events.ts'
import { startWorld } from '../world.ts'

/** A client of somebody, and everything that it is told. */
export function listen<Name extends RtcEventName>(client: OpenChatClient, name: Name) {
  const heard: RtcEvents[Name][] = []
  let wake = () => {}
  client.rtc.on(name, (event) => {
    heard.push(event)
    wake()
  })
  return {
    heard,
    async next(): Promise<RtcEvents[Name]> {
      while (heard.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      return heard.shift() as RtcEvents[Name]
    },
  }
}

describe('a call', () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  const clients: OpenChatClient[] = []
  const clientOf = (person: { id: string; token: string }) => {
    const client = new OpenChatClient({
      server: { baseUrl: world.url },
      auth: { uid: person.id, token: person.token },
    })
    clients.push(client)
    return client
  }
  beforeEach(async () => {
    world = await startWorld()
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.destroy()))
    await world.close()
  })

  it('rings, is answered, and ends for both', async () => {
    const [alice, bob] = [clientOf(world.alice), clientOf(world.bob)]
    const [rings, joins, ends] = [
      listen(bob, 'incomingCall'),
      listen(alice, 'participantJoined'),
      listen(alice, 'ended'),
    ]
    const room = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    expect(room).toMatchObject({ type: 'p2p', callerId: 'alice', calleeId: 'bob', status: 'waiting' })
    await alice.rtc.joinRoom(room.id)
    const call = await rings.next()
    expect(call).toMatchObject({ type: 'ringing', room: { id: room.id } })
    await bob.rtc.joinRoom(call.room.id)
    expect(await rings.next()).toMatchObject({ type: 'answered' })
    expect(await joins.next()).toMatchObject({ participant: { userId: 'bob' } })
    expect(await bob.rtc.leaveRoom(room.id)).toMatchObject({ status: 'ended', endReason: 'completed' })
    expect(await ends.next()).toMatchObject({ reason: 'completed', room: { id: room.id } })
    expect(alice.rtc.room).toBeUndefined()
  })
})
