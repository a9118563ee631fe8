import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createAgora } from '../../../src/media/providers/agora.ts'
import { ADMISSION } from './admission.ts'
import { AGORA, readAgoraToken } from './agora.ts'

const { roomId, uid, issuedAt, ttl } = ADMISSION
const provider = createAgora(AGORA)
const mint = async (mayPublish = true) => (await provider.admit({ ...ADMISSION, mayPublish })).token ?? ''

// The library reads the system clock.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: issuedAt * 1000 }))
afterAll(() => void vi.useRealTimers())

test('a token admits one uid to one channel until it expires', async () => {
  expect(await provider.admit(ADMISSION)).toMatchObject({ appId: AGORA.appId, url: null, uid })
  const expected = { appId: AGORA.appId, roomId, userId: String(uid), issuedAt, expiresAt: issuedAt + ttl }
  expect(readAgoraToken(await mint())).toMatchObject(expected)
})

test('a participant may join and publish until the token expires', async () => {
  expect(readAgoraToken(await mint()).privileges).toEqual([1, 2, 3, 4].map((privilege) => [privilege, ttl]))
})

test('an observer may only join', async () => {
  expect(readAgoraToken(await mint(false)).privileges).toEqual([[1, ttl]])
})

test('is refused with another certificate', async () => {
  const token = await mint()
  expect(() => readAgoraToken(token, '0'.repeat(32))).toThrow('signed by another certificate')
})
