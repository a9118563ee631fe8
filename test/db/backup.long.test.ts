import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintToken } from '../../src/auth/development.ts'
import { type Gateway, startGateway, withDirectory, withPreparedData } from '../process.ts'
import { createPerson, type Person, SECRET, take } from '../world.ts'
import { type DebianPostgres, debianPostgresTests, startDebianPostgres } from './debian-postgres.ts'

const page = await readFile(new URL('../../docs/operations/backup.md', import.meta.url), 'utf8')
/** The first lines of the page's code blocks that begin with `pg_dump`, `pg_restore` and `cp`. */
const commandOf = (program: string): string => new RegExp(`^${program} .*$`, 'm').exec(page)?.[0] ?? ''
const shell = (command: string, options: { cwd: string; env: Record<string, string> }) =>
  promisify(execFile)('bash', ['-c', `set -e; ${command}`], options)

const personAt = async ({ url }: Gateway, id: string): Promise<Person> =>
  createPerson(url, id, await mintToken({ secret: SECRET, userId: id, ttl: 600, now: new Date() }))
const roomOf = async (person: Person, id: string) => (await person.rest('GET', `/rooms/${id}`)).body
const subscription = (id: string, after: number) =>
  `subscription { roomUpdated(roomId: "${id}", after: ${after}) { seq type } }`

describe.runIf(debianPostgresTests)('a database of yours, by the commands of docs/operations/backup.md', () => {
  let postgres: DebianPostgres
  beforeAll(async () => {
    postgres = await startDebianPostgres()
  })
  afterAll(() => postgres?.stop())

  test('returns to the backup: rooms and their log, live rooms continue, a cursor ahead is refused', async () => {
    const env = { DATABASE_URL: postgres.url, JWT_SECRET: SECRET, HOST: '127.0.0.1', EMPTY_TIMEOUT: '600' }
    await withDirectory(async (cwd) => {
      const tools = { cwd, env: { PATH: `${postgres.bin}:/usr/bin:/bin`, DATABASE_URL: postgres.url } }
      const before = await startGateway(env)
      const alice = await personAt(before, 'alice')
      const { body: created } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
      const { body: joined } = await alice.rest('POST', `/rooms/${created.id}/join`)
      await shell(commandOf('pg_dump'), tools)
      const { body: later } = await (await personAt(before, 'bob')).rest('POST', `/rooms/${created.id}/join`)
      expect(later.seq).toBeGreaterThan(joined.seq)
      expect(await before.stop('SIGTERM')).toBe(0)

      await shell(commandOf('pg_restore'), tools)
      const after = await startGateway(env)
      const aliceAgain = await personAt(after, 'alice')
      expect(await roomOf(aliceAgain, created.id)).toMatchObject({ seq: joined.seq, status: joined.status })
      const [first] = await take(aliceAgain.subscribe(subscription(created.id, joined.seq - 1)), 1)
      expect(first).toMatchObject({ data: { roomUpdated: { seq: joined.seq, type: 'PARTICIPANT_JOINED' } } })
      const [refused] = await take(aliceAgain.subscribe(subscription(created.id, later.seq)), 1)
      expect(refused).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
      const bob = await personAt(after, 'bob')
      expect((await bob.rest('POST', `/rooms/${created.id}/join`)).body).toMatchObject({ status: 'active' })
      expect(await after.stop('SIGTERM')).toBe(0)
    })
  })
})

test('the embedded database is backed up by a copy of its directory', async () => {
  await withDirectory(async (cwd) => {
    await withPreparedData(async (DATA_DIR) => {
      const before = await startGateway({ DATA_DIR, JWT_SECRET: SECRET })
      const { body: room } = await (await personAt(before, 'alice')).rest('POST', '/rooms', { type: 'group' })
      expect(await before.stop('SIGTERM')).toBe(0)
      await shell(commandOf('cp'), { cwd, env: { PATH: '/usr/bin:/bin', DATA_DIR } })

      const after = await startGateway({ DATA_DIR: `${cwd}/rtc-backup`, JWT_SECRET: SECRET })
      expect(await roomOf(await personAt(after, 'alice'), room.id)).toMatchObject({ id: room.id })
      expect(await after.stop('SIGTERM')).toBe(0)
    })
  })
})
