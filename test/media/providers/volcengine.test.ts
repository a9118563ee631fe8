import { expect, test } from 'vitest'
import type { Admission } from '../../../src/media/providers/provider.ts'
import { createVolcengine } from '../../../src/media/providers/volcengine.ts'
import { ADMISSION } from './admission.ts'
import { readVolcengineToken, VOLCENGINE } from './volcengine.ts'

const provider = createVolcengine(VOLCENGINE)
const mint = async (change: Partial<Admission> = {}) => (await provider.admit({ ...ADMISSION, ...change })).token ?? ''

test('a token admits one user to one room until it expires', async () => {
  expect(await provider.admit(ADMISSION)).toMatchObject({ appId: VOLCENGINE.appId, url: null })
  const { roomId, userId, issuedAt, ttl } = ADMISSION
  const expected = { appId: VOLCENGINE.appId, roomId, userId, issuedAt, expiresAt: issuedAt + ttl }
  expect(readVolcengineToken(await mint())).toMatchObject(expected)
})

test('a participant may publish and subscribe until the token expires', async () => {
  const { privileges } = readVolcengineToken(await mint())
  const end = ADMISSION.issuedAt + ADMISSION.ttl
  expect(privileges).toEqual([0, 1, 2, 3, 4].map((privilege) => [privilege, end]))
})

test('an observer may only subscribe', async () => {
  const { privileges } = readVolcengineToken(await mint({ mayPublish: false }))
  expect(privileges).toEqual([[4, ADMISSION.issuedAt + ADMISSION.ttl]])
})

test('the signature covers every byte of the message', async () => {
  const token = await mint()
  expect(() => readVolcengineToken(token, 'another key')).toThrow('signed by another key')
  const body = Buffer.from(token.slice(27), 'base64')
  const messageEnd = 2 + body.readUInt16LE()
  for (let index = 2; index < messageEnd; index += 1) {
    const forged = Buffer.from(body)
    forged[index] = (forged[index] ?? 0) ^ 1
    expect(() => readVolcengineToken(token.slice(0, 27) + forged.toString('base64'))).toThrow('signed by another key')
  }
})

test('every token has its own nonce', async () => {
  const nonces = await Promise.all(Array.from({ length: 100 }, async () => readVolcengineToken(await mint()).nonce))
  expect(new Set(nonces).size).toBe(100)
})

test('supports the longest user id in bytes', async () => {
  const userId = '🎧'.repeat(128)
  expect(readVolcengineToken(await mint({ userId })).userId).toBe(userId)
})
