import { expect, test } from 'vitest'
import type { Person } from '../world.ts'
import { withService } from './services.ts'

/** Deterministic pseudorandom numbers (mulberry32), so that a failure can be repeated. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const STEPS = 60
const settled = { timeout: 30_000 }

/**
 * People join, leave, crash, are removed and return with old tokens; the service's webhooks arrive late, twice and in any
 * order; its room control fails at random.
 */
test.each([1, 2, 3])(
  'whatever happens, nobody stays at the media who is not in the room (seed %d)',
  async (seed) => {
    await withService(
      'livekit',
      async (world) => {
        const { alice, double } = world
        const random = randomOf(seed)
        const pick = <T>(items: readonly [T, ...T[]]): T => items[Math.floor(random() * items.length)] ?? items[0]
        const guests = await Promise.all(['bob', 'carol', 'dave'].map((id) => world.person(id)))
        const [bob, ...others] = guests
        const people: readonly [Person, ...Person[]] = [bob ?? alice, ...others]
        const roomId = await world.group(alice)
        for (const { id } of people) await alice.rest('POST', `/rooms/${roomId}/participants`, { userId: id })

        let time = 0
        const stays = new Map<string, { id: string; since: Date }>()
        const sending: Promise<unknown>[] = []
        const waiting: (() => Promise<unknown>)[] = []
        const report = (kind: 'joined' | 'left' | 'lost', { id: mediaId }: Person) => {
          time = Math.max(time + 1, Date.now())
          const stay = stays.get(mediaId)
          if (!stay) return
          const send = () => world.report({ kind, roomId, mediaId, at: new Date(time), stay })
          for (let copy = random() < 0.3 ? 2 : 1; copy > 0; copy -= 1) {
            waiting.splice(Math.floor(random() * (waiting.length + 1)), 0, send)
          }
          while (waiting.length > 4) sending.push(waiting.shift()?.() ?? Promise.resolve())
        }
        const enter = (person: Person) => {
          time = Math.max(time + 1, Date.now())
          stays.set(person.id, { id: `PA_${time}`, since: new Date(time) })
          double.enter(roomId, person.id, new Date(time))
          report('joined', person)
        }
        const exit = (kind: 'left' | 'lost', person: Person) => {
          if (double.drop(roomId, person.id)) report(kind, person)
        }
        const actions: readonly [(person: Person) => Promise<unknown>, ...((person: Person) => Promise<unknown>)[]] = [
          async (person) => {
            if ((await person.rest('POST', `/rooms/${roomId}/join`)).status === 200) enter(person)
          },
          async (person) => {
            await person.rest('POST', `/rooms/${roomId}/leave`)
            exit('left', person)
          },
          // Leaves the room but not the media.
          (person) => person.rest('POST', `/rooms/${roomId}/leave`),
          // Enters the media with whatever token they have.
          async (person) => enter(person),
          async (person) => exit('lost', person),
          ({ id }) => alice.rest('DELETE', `/rooms/${roomId}/participants/${id}`),
          ({ id }) => alice.rest('POST', `/rooms/${roomId}/participants`, { userId: id }),
        ]
        for (let step = 0; step < STEPS; step += 1) {
          if (random() < 0.2) double.failures.push(pick([500, 503, 429]))
          await pick(actions)(pick(people))
        }
        const { mediaStay, deliveryBacklog } = world.app.prisma
        const disagreeing = async () => {
          // Neither the pause after a leave nor the one after a failure is waited for.
          await mediaStay.updateMany({ where: { dueAt: { not: null } }, data: { dueAt: new Date(0) } })
          const { body } = await alice.rest('GET', `/rooms/${roomId}/participants`)
          const joined = new Set(
            body
              .filter(({ state }: { state: string }) => state === 'joined')
              .map(({ userId }: { userId: string }) => userId),
          )
          const busy = (await mediaStay.count({ where: { dueAt: { not: null } } })) + (await deliveryBacklog.count())
          return { strangers: people.filter(({ id }) => double.isPresent(roomId, id) && !joined.has(id)).length, busy }
        }
        const agreed = async () => {
          double.failures = []
          for (const send of waiting.splice(0)) sending.push(send())
          await Promise.all(sending)
          await expect.poll(disagreeing, settled).toEqual({ strangers: 0, busy: 0 })
        }
        await agreed()

        const last = people.slice(0, 2)
        for (const person of last) {
          // A grace that still runs would end the session below.
          await person.rest('POST', `/rooms/${roomId}/leave`)
          await alice.rest('POST', `/rooms/${roomId}/participants`, { userId: person.id })
          expect((await person.rest('POST', `/rooms/${roomId}/join`)).status).toBe(200)
          enter(person)
        }
        await agreed()
        expect(last.map(({ id }) => double.isPresent(roomId, id))).toEqual([true, true])
        // One is removed, one leaves the room but not the media.
        await alice.rest('DELETE', `/rooms/${roomId}/participants/${last[0]?.id}`)
        await last[1]?.rest('POST', `/rooms/${roomId}/leave`)
        await agreed()
        // Both return with their tokens.
        for (const person of last) enter(person)
        await agreed()
      },
      { env: { DISCONNECT_GRACE: '1' } },
    )
  },
  60_000,
)
