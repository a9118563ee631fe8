import { expect, it } from 'vitest'
import { manualClock, withWorld } from '../world.ts'
import { activeCall, participantOf, watch } from './people.ts'

const FIELDS = `{ room(id: "ID") { duration activeUntil endedAt
  participants { userId duration lostAt leftAt leaveReason } } }`

it('a call that ends by a lost connection has the duration until the loss, and lostAt and endedAt differ', async () => {
  const clock = manualClock(new Date('2030-01-01T00:00:00Z'))
  await withWorld(
    async (world) => {
      const roomId = await activeCall(world, 'laptop')
      const [alice, bob] = [watch(world, world.alice, roomId), watch(world, world.bob, roomId, 'laptop')]
      await Promise.all([alice.next(), bob.next()])
      clock.advance(2)
      bob.cut()
      expect(await alice.next()).toMatchObject({ participant: { duration: 2, lostAt: '2030-01-01T00:00:02.000Z' } })
      clock.advance(3)
      const ended = await alice.until('ROOM_ENDED')
      expect(ended).toMatchObject({ room: { duration: 2, activeUntil: '2030-01-01T00:00:02.000Z' } })

      const times = { duration: 2, activeUntil: '2030-01-01T00:00:02.000Z', endedAt: '2030-01-01T00:00:05.000Z' }
      const membership = { duration: 2, lostAt: '2030-01-01T00:00:02.000Z', leftAt: '2030-01-01T00:00:05.000Z' }
      expect((await world.bob.rest('GET', `/rooms/${roomId}`)).body).toMatchObject(times)
      expect(await participantOf(world, roomId, 'bob')).toMatchObject({ ...membership, leaveReason: 'disconnected' })
      const { body } = await world.bob.graphql(FIELDS.replace('ID', roomId))
      expect(body.data.room).toMatchObject({
        ...times,
        participants: [
          { userId: 'alice', duration: 5, lostAt: null },
          { ...membership, leaveReason: 'DISCONNECTED' },
        ],
      })
    },
    { dependencies: { clock }, env: { DISCONNECT_GRACE: '3' } },
  )
})

it('a reconnect within the grace does not reduce the duration, and durations of memberships add up', async () => {
  const clock = manualClock()
  await withWorld(
    async (world) => {
      const { alice, bob } = world
      const { body: room } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
      for (const person of [alice, bob]) await person.rest('POST', `/rooms/${room.id}/join`)
      const [aliceStream, first] = [watch(world, alice, room.id), watch(world, bob, room.id)]
      await Promise.all([aliceStream.next(), first.next()])
      clock.advance(2)
      first.cut()
      await aliceStream.until('PARTICIPANT_DISCONNECTED')
      clock.advance(2)
      const second = watch(world, bob, room.id)
      await second.next()
      await aliceStream.until('PARTICIPANT_RECONNECTED')
      clock.advance(1)
      expect(await participantOf(world, room.id, 'bob')).toMatchObject({ duration: 5, lostAt: null })
      second.cut()
      await aliceStream.until('PARTICIPANT_DISCONNECTED')
      clock.advance(3)
      await aliceStream.until('PARTICIPANT_LEFT')
      await bob.rest('POST', `/rooms/${room.id}/join`)
      clock.advance(4)
      expect(await participantOf(world, room.id, 'bob')).toMatchObject({ duration: 9, lostAt: null })
      // The room continued with alice after bob's connection was lost.
      expect((await alice.rest('POST', `/rooms/${room.id}/end`)).body).toMatchObject({ duration: 12 })
    },
    { dependencies: { clock }, env: { DISCONNECT_GRACE: '3' } },
  )
})
