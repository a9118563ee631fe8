import { expect, test } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { PRIVATE_ENV, privateCall } from '../private-call.ts'
import { withWorld } from '../world.ts'
import { linesTo } from './lines.ts'

test('no line of a full call contains a token, an SDP, metadata or a credential, at any level', async () => {
  const lines = linesTo()
  let secrets: readonly string[] = []
  await withWorld(
    async (world) => {
      secrets = await privateCall(world)
    },
    { env: { LOG_LEVEL: 'trace', ...PRIVATE_ENV }, dependencies: { log: createLogger('trace', lines) } },
  )
  const text = lines.text()
  expect(secrets.length).toBeGreaterThanOrEqual(20)
  expect(secrets.every((secret) => secret.length > 5)).toBe(true)
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
  // The call is there.
  const messages = new Set(lines.all().map(({ msg }) => msg))
  expect([...messages]).toEqual(
    expect.arrayContaining([
      'request',
      'socket opened',
      'socket ready',
      'socket closed',
      'token refused',
      'command',
      'commit',
      'operation',
      'stream opened',
      'delivery',
      'room ended',
    ]),
  )
  expect(lines.all().filter(({ level }) => level === 'warn' || level === 'error' || level === 'fatal')).toEqual([])
})
