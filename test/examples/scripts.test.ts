import { execFile, spawn } from 'node:child_process'
import { cp, mkdir, symlink } from 'node:fs/promises'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { freePort } from '../free-port.ts'
import { withDirectory } from '../process.ts'
import { take, withWorld, type World } from '../world.ts'
import { pathOf } from './page.ts'

const SDK = fileURLToPath(new URL('../../dist/sdk', import.meta.url))

describe('docs/examples/node.mjs', () => {
  /** The script in a folder where the SDK is installed, calling bob; what it printed, at its end. */
  async function callBob(
    world: World,
    { token = world.alice.token, meanwhile }: { token?: string; meanwhile?: () => Promise<unknown> } = {},
  ) {
    return withDirectory(async (directory) => {
      await mkdir(`${directory}/node_modules/@openchat`, { recursive: true })
      await symlink(SDK, `${directory}/node_modules/@openchat/sdk`)
      await cp(pathOf('node.mjs'), `${directory}/node.mjs`)
      const env = { PATH: process.env['PATH'], TOKEN: token, GATEWAY: world.url }
      const script = spawn(process.execPath, ['node.mjs', 'alice', 'bob'], { cwd: directory, env })
      const printed = { stdout: '', stderr: '' }
      for (const stream of ['stdout', 'stderr'] as const) {
        script[stream].on('data', (chunk: Buffer) => {
          printed[stream] += chunk.toString()
        })
      }
      const closed = once(script, 'close')
      await meanwhile?.()
      const [code] = (await closed) as [number | null]
      return { code, ...printed }
    })
  }

  it('calls somebody and prints what happens until the call is over', () =>
    withWorld(async (world) => {
      const { bob } = world
      const meanwhile = async () => {
        const [ring] = await take(bob.subscribe('subscription { incomingCall { type room { id } } }'), 1)
        const { id } = ring.data.incomingCall.room
        // As soon as alice listens.
        const seat = async () => (await bob.rest('GET', `/rooms/${id}`)).body.status
        await expect.poll(async () => (await bob.rest('GET', `/rooms/${id}/participants`)).body[0].state).toBe('joined')
        expect(await seat()).toBe('waiting')
        await bob.rest('POST', `/rooms/${id}/join`)
        await bob.rest('POST', `/rooms/${id}/leave`)
      }
      const { code, stdout, stderr } = await callBob(world, { meanwhile })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout.split('\n').map((line) => line.replace(/^\d+ /, '').replace(/ \S{36}$/, ''))).toEqual([
        'calling bob',
        'participant_joined bob',
        'room_started ',
        'participant_left bob',
        'room_ended ',
        'ended completed',
        '',
      ])
    }))

  it('prints the code of a refusal and fails', () =>
    withWorld(async (world) => {
      const { code, stderr } = await callBob(world, { token: 'garbage' })
      expect(code).toBe(1)
      expect(stderr).toMatch(/^UNAUTHENTICATED /)
    }))
})

describe('docs/examples/curl.sh', () => {
  const run = (world: World, alice = world.alice.token) =>
    promisify(execFile)('bash', [pathOf('curl.sh'), world.url], {
      env: { PATH: process.env['PATH'], ALICE: alice, BOB: world.bob.token },
    })

  it('creates, joins, lists and ends a room, and prints its events as they come', () =>
    withWorld(async (world) => {
      const { stdout } = await run(world)
      const lines = stdout.trim().split('\n')
      const room = lines[0]?.replace('room ', '')
      expect(lines.filter((line) => line.startsWith('event: '))).toEqual(
        ['room_created', 'participant_joined', 'participant_joined', 'room_started', 'room_ended'].map(
          (type) => `event: ${type}`,
        ),
      )
      const [participants, rooms] = lines.filter((line) => /^[[{]/.test(line)).map((line) => JSON.parse(line))
      expect(participants).toMatchObject([
        { userId: 'alice', state: 'joined' },
        { userId: 'bob', state: 'joined' },
      ])
      expect(rooms).toMatchObject({ rooms: [{ id: room, status: 'active' }] })
      const { body } = await world.alice.rest('GET', `/rooms/${room}`)
      expect(body).toMatchObject({ status: 'ended', endReason: 'completed' })
    }))

  it('fails with the problem that the gateway answers', () =>
    withWorld(async (world) => {
      await expect(run(world, 'garbage')).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('"code":"UNAUTHENTICATED"'),
      })
    }))
})

describe('docs/examples/webhook-receiver.mjs', () => {
  it('prints the messages of the gateway once and refuses forged ones', () =>
    withWorld(
      async (world) => {
        const admin = await world.person('application', { scopes: ['rtc:admin'] })
        // A port first: the secret is known only once the endpoint exists.
        const port = await freePort()
        const url = `http://127.0.0.1:${port}/`
        const { body } = await admin.graphql(
          `mutation ($url: String!) { createWebhookEndpoint(input: { url: $url, types: ["room.created"] }) { secret } }`,
          { url },
        )
        const { secret } = body.data.createWebhookEndpoint
        const env = { PATH: process.env['PATH'], SECRET: secret, PORT: String(port) }
        const receiver = spawn(process.execPath, [pathOf('webhook-receiver.mjs')], { env })
        try {
          let printed = ''
          receiver.stdout.on('data', (chunk: Buffer) => {
            printed += chunk.toString()
          })
          await expect.poll(() => printed, { timeout: 10_000 }).toBe(`listening on port ${port}\n`)
          const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group' })
          await expect.poll(() => printed, { timeout: 10_000 }).toContain(`room.created ${room.id} 1\n`)
          const webhook = new Webhook(secret)
          const at = new Date()
          const forged = await fetch(url, {
            method: 'POST',
            body: '{}',
            headers: {
              'webhook-id': 'evt_1',
              'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
              'webhook-signature': webhook.sign('evt_2', at, '{}'),
            },
          })
          expect(forged.status).toBe(401)
        } finally {
          receiver.kill()
        }
      },
      { env: { WEBHOOK_ALLOW_PRIVATE: 'true' } },
    ))
})
