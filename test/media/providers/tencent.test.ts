import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createTencent } from '../../../src/media/providers/tencent.ts'
import { ADMISSION } from './admission.ts'
import { readTencentToken, TENCENT } from './tencent.ts'

const { issuedAt, ttl } = ADMISSION
const provider = createTencent(TENCENT)
const mint = async (userId: string = ADMISSION.userId) => (await provider.admit({ ...ADMISSION, userId })).token ?? ''

// The library reads the system clock.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: issuedAt * 1000 }))
afterAll(() => void vi.useRealTimers())

test('a token identifies the user until it expires', async () => {
  expect(await provider.admit(ADMISSION)).toMatchObject({ appId: TENCENT.sdkAppId, url: null })
  expect(readTencentToken(await mint())).toEqual({
    sdkAppId: TENCENT.sdkAppId,
    userId: ADMISSION.userId,
    issuedAt,
    expiresAt: issuedAt + ttl,
  })
})

test('is refused with another secret', async () => {
  const token = await mint()
  expect(() => readTencentToken(token, 'another secret')).toThrow('signed by another key')
})

test('encodes any user id in the alphabet of a UserSig', async () => {
  const ids = Array.from({ length: 200 }, (_, index) => `user ${index}\\"é`)
  const tokens = await Promise.all(ids.map(mint))
  expect(tokens.map((token) => readTencentToken(token).userId)).toEqual(ids)
  for (const sign of ['*', '-', '_']) expect(tokens.join('')).toContain(sign)
})
