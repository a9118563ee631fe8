import { expect, test } from 'vitest'
import { type Answer, manualClock, type Messages, startWorld, take } from '../world.ts'

const UPDATES = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) {
  seq type participant { userId } room { seq status participants { userId state } } } }`

test('after a clock jump of an hour and back, each deadline is applied once, and all nodes and subscribers agree', async () => {
  const clock = manualClock()
  const here = await startWorld({ dependencies: { clock } })
  const there = await startWorld({ dependencies: { clock, databaseUrl: here.databaseUrl } })
  try {
    const [alice, bob] = [await here.person('alice', { ttl: 86_400 }), await there.person('bob', { ttl: 86_400 })]
    const { body } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
    for (const person of [alice, bob]) expect((await person.rest('POST', `/rooms/${body.id}/join`)).status).toBe(200)
    const streams = [alice, bob].map((person) => person.subscribe(UPDATES, { roomId: body.id }))
    const next = async (stream: Messages): Promise<Answer['body']> => (await take(stream, 1))[0]?.data.roomUpdated
    const both = () => Promise.all(streams.map(next))
    const [first] = await both()
    clock.advance(3600)
    for (const update of await both()) {
      expect(update).toMatchObject({ seq: first.seq + 1, type: 'PARTICIPANT_MISSED', participant: { userId: 'carol' } })
    }
    clock.advance(-3600)
    const states = { alice: 'JOINED', bob: 'JOINED', carol: 'MISSED' }
    for (const [index, person] of [bob, alice].entries()) {
      const answer = await person.graphql(
        'mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }',
        { input: { roomId: body.id, audio: false } },
      )
      expect(answer.body.data.updateParticipant.room.seq).toBe(first.seq + 2 + index)
      for (const update of await both()) {
        expect(update).toMatchObject({ seq: first.seq + 2 + index, type: 'PARTICIPANT_UPDATED' })
        const seen = update.room.participants.map((person: Answer['body']) => [person.userId, person.state])
        expect(Object.fromEntries(seen)).toEqual(states)
      }
    }
  } finally {
    await there.close()
    await here.close()
  }
})
