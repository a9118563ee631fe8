import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createLivekit } from '../../../src/media/providers/livekit.ts'
import { ADMISSION } from './admission.ts'
import { LIVEKIT, readLivekitToken } from './livekit.ts'

const { roomId, userId, issuedAt, ttl } = ADMISSION
const provider = createLivekit(LIVEKIT)
const mint = async (mayPublish = true) => (await provider.admit({ ...ADMISSION, mayPublish })).token ?? ''

// The library reads the system clock.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: issuedAt * 1000 }))
afterAll(() => void vi.useRealTimers())

test('a token admits one user to one room until it expires', async () => {
  expect(await provider.admit(ADMISSION)).toMatchObject({ appId: null, url: LIVEKIT.url })
  const token = await mint()
  expect(await readLivekitToken(token)).toMatchObject({ userId, roomId, issuedAt, expiresAt: issuedAt + ttl })
  const late = new Date((issuedAt + ttl + 2) * 1000)
  await expect(readLivekitToken(token, { now: late })).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' })
})

test('a participant may publish and subscribe', async () => {
  const all = { roomJoin: true, room: roomId, canSubscribe: true, canPublish: true, canPublishData: true }
  expect((await readLivekitToken(await mint())).grants).toEqual(all)
})

test('an observer may only subscribe', async () => {
  const some = { roomJoin: true, room: roomId, canSubscribe: true, canPublish: false, canPublishData: false }
  expect((await readLivekitToken(await mint(false))).grants).toEqual(some)
})

test('is refused with another secret', async () => {
  const reading = readLivekitToken(await mint(), { apiSecret: 'another secret' })
  await expect(reading).rejects.toMatchObject({ code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
})
