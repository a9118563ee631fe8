import { expect, test } from 'vitest'
import { createDatabase } from '../../src/db/client.ts'
import { createLogger } from '../../src/core/logger.ts'
import { CommitQueue } from '../../src/rooms/commit-queue.ts'
import { JoinRoom, CreateRoom } from '../../src/rooms/input.ts'
import { decide } from '../../src/rooms/rules/decide.ts'
import type { Room } from '../../src/rooms/model.ts'
import { createRoomStore } from '../../src/rooms/store.ts'
import { type Commit, createRoomWrites } from '../../src/rooms/writes.ts'
import { withWorld, type World } from '../world.ts'

const user = (id: string) => ({ id, scopes: new Set<string>() })
const NOW = new Date()
const LIMITS = { ring: 45, grace: 20, empty: 30, maxDuration: 3600, meshMax: 6 }

/** Creates rooms and decides a join on each, without committing it. */
async function createPendingJoins({ app }: World, count: number): Promise<Commit[]> {
  const input = CreateRoom.parse({ type: 'group', access: 'link', maxParticipants: 5 })
  const made = await Promise.all(Array.from({ length: count }, () => app.rooms.create(user('alice'), input)))
  return made.map(({ room }) => decideJoin(room, 'bob'))
}

function decideJoin(room: Room, userId: string): Commit {
  const { audio, video } = JoinRoom.parse({ audio: true, video: false })
  const decision = decide(
    room,
    {
      type: 'join',
      actor: user(userId),
      deviceId: null,
      sessionId: null,
      expectStream: false,
      mesh: false,
      audio: audio ?? null,
      video: video ?? null,
    },
    NOW,
    LIMITS,
  )
  if (decision.kind === 'refusal') throw new TypeError(decision.message)
  return { ...decision, expectedSeq: room.seq }
}

/** Runs `work` with a queue on its own connection pool, the statements that it sent, and a way to load stored rooms. */
async function withQueue(
  world: World,
  work: (tools: { queue: CommitQueue; sent: string[]; load: (id: string) => Promise<Room | null> }) => Promise<void>,
): Promise<void> {
  const sent: string[] = []
  const database = createDatabase({
    url: world.databaseUrl,
    log: createLogger('silent'),
    onStatement: (sql) => sent.push(sql),
  })
  try {
    await work({
      queue: new CommitQueue(createRoomWrites(database.statements)),
      sent,
      load: createRoomStore(database).load,
    })
  } finally {
    await database.close()
  }
}

test('each commit of a batch lands or conflicts independently', async () => {
  await withWorld(async (world) => {
    const commits = await createPendingJoins(world, 20)
    for (const nth of [3, 11, 19])
      await world.app.rooms.join(user('carol'), commits[nth]?.room.id ?? '', JoinRoom.parse({}))
    await withQueue(world, async ({ queue, sent, load }) => {
      const landed = await Promise.all(commits.map((commit) => queue.commit(commit, { alone: false })))
      expect(landed.flatMap((has, nth) => (has ? [] : [nth]))).toEqual([3, 11, 19])
      expect(sent).toHaveLength(1)
      for (const [nth, { room }] of commits.entries()) {
        const stored = await load(room.id)
        if (landed[nth]) expect(stored).toEqual(room)
        else expect(stored?.participants.map(({ userId }) => userId)).toEqual(['alice', 'carol'])
      }
    })
  })
})

test('an invalid commit of a batch fails without failing the others', async () => {
  await withWorld(async (world) => {
    const commits = await createPendingJoins(world, 8)
    const broken = commits.map((commit, nth) =>
      nth === 5
        ? {
            ...commit,
            events: commit.events.map((event) => ({ ...event, subjectId: 'U+0000 is invalid in text: \0' })),
          }
        : commit,
    )
    await withQueue(world, async ({ queue, load }) => {
      const outcomes = await Promise.allSettled(broken.map((commit) => queue.commit(commit, { alone: false })))
      expect(outcomes.map(({ status }) => status)).toEqual(
        broken.map((_, nth) => (nth === 5 ? 'rejected' : 'fulfilled')),
      )
      for (const [nth, { room, expectedSeq }] of commits.entries()) {
        expect((await load(room.id))?.seq).toBe(nth === 5 ? expectedSeq : room.seq)
      }
    })
  })
})

test('a locked room conflicts in a batch without delaying the others, and is waited for alone', async () => {
  await withWorld(async (world) => {
    const commits = await createPendingJoins(world, 6)
    const locked = commits[4]
    if (!locked) throw new TypeError('six commits')
    await withQueue(world, async ({ queue }) => {
      let release = () => {}
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      let alone: Promise<boolean> | undefined
      await world.app.prisma.$transaction(async (transaction) => {
        await transaction.$queryRaw`SELECT FROM "Room" WHERE "id" = ${locked.room.id}::uuid FOR UPDATE`
        const landed = await Promise.all(commits.map((commit) => queue.commit(commit, { alone: false })))
        expect(landed).toEqual([true, true, true, true, false, true])
        let done = false
        alone = queue.commit(locked, { alone: true }).finally(() => {
          done = true
        })
        // A further round trip completes while the commit is still waiting.
        await transaction.$queryRaw`SELECT FROM "Room" LIMIT 1`
        expect(done).toBe(false)
        release()
      })
      await released
      expect(await alone).toBe(true)
    })
  })
})

test('finds the rooms by their keys, however many rooms there are', async () => {
  await withWorld(async (world) => {
    const commits = await createPendingJoins(world, 6)
    await world.app.prisma.$executeRaw`
      INSERT INTO "Room" SELECT (made).* FROM (
        SELECT jsonb_populate_record(room, jsonb_build_object('id', gen_random_uuid())) AS made
          FROM "Room" room, generate_series(1, 5000) WHERE room."id" = ${commits[0]?.room.id}::uuid) rooms`
    await world.app.prisma.$executeRaw`ANALYZE "Room"`
    await withQueue(world, async ({ queue, sent }) => {
      for (const batch of [commits.slice(0, 1), commits.slice(1)]) {
        await Promise.all(batch.map((commit) => queue.commit(commit, { alone: false })))
      }
      // The statements of one commit and of several.
      expect(new Set(sent)).toHaveProperty('size', 2)
      for (const text of sent) {
        const plan = await world.app.prisma.$queryRawUnsafe(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`)
        expect(JSON.stringify(plan)).toContain('Room_pkey')
        expect(JSON.stringify(plan)).not.toContain('Seq Scan')
      }
    })
  })
})
