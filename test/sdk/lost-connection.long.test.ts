import { expect, describe, it } from 'vitest'
import { listen, startClientWorld } from './people.ts'

describe('a gateway that stops', () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)

  it('during any operation rejects it with one RtcError and causes no unhandled rejection', async () => {
    process.on('unhandledRejection', note)
    try {
      const world = await startClientWorld()
      const line = await world.line()
      const [alice, bob] = [
        await world.client('alice', { url: line.url }),
        await world.client('bob', { url: line.url }),
      ]
      listen(bob, 'incomingCall')
      const room = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
      await alice.rtc.joinRoom(room.id)
      const outcomes = [
        alice.rtc.createRoom({ type: 'group' }),
        alice.rtc.getRoom(room.id),
        alice.rtc.listRooms(),
        alice.rtc.endRoom(room.id),
        bob.rtc.joinRoom(room.id),
        bob.rtc.rejectCall(room.id),
      ].map((asked) =>
        asked.then(
          () => 'done',
          (error: { code: string }) => error.code,
        ),
      )
      line.down()
      const codes = await Promise.all(outcomes)
      for (const code of codes) expect(['done', 'UNREACHABLE', 'ROOM_ENDED', 'CONFLICT']).toContain(code)
      expect(codes).toContain('UNREACHABLE')
      await alice.destroy()
      await bob.destroy()
      await new Promise(setImmediate)
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })
})
