import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RoomControl } from '../../../src/media/control/control.ts'
import { authorizationOf } from '../../../src/media/control/sign.ts'
import { loadConfig } from '../../../src/config.ts'
import { configuredProviders, MEDIA_SERVICES, type MediaService } from '../../../src/media/providers.ts'
import { ACCOUNTS } from '../accounts.ts'
import { controlEnv, MediaServiceDouble } from './services.ts'

const roomId = '01900000-0000-7000-8000-00000000abcd'
const user = { roomId, mediaId: '7' }

function controlOf(service: MediaService, env: Record<string, string>): RoomControl {
  const { config, secrets } = loadConfig({ ...ACCOUNTS, ...env })
  return configuredProviders(config.media, secrets).controls[service] ?? expect.unreachable()
}

describe.each(MEDIA_SERVICES)('%s', (service) => {
  let double: MediaServiceDouble
  let control: RoomControl
  beforeAll(async () => {
    double = await MediaServiceDouble.start(service)
    control = controlOf(service, controlEnv(service, double))
  })
  beforeEach(() => void double.calls.splice(0))
  afterAll(() => double.close())

  test('removes a user, also one who is not there', async () => {
    double.enter(roomId, '7')
    double.enter(roomId, '8')
    for (const ban of [0, 0, 3660]) await control.remove(user, { ban })
    expect(double.isPresent(roomId, '7')).toBe(false)
    expect(double.isPresent(roomId, '8')).toBe(true)
    const bans = { livekit: [false, false, true], tencent: [undefined, undefined, undefined] }
    const expected = service === 'livekit' || service === 'tencent' ? bans[service] : [0, 0, 3660]
    expect(double.calls.map(({ ban }) => ban)).toEqual(expected)
    expect(double.calls).toMatchObject(expected.map(() => ({ action: 'remove', ...user })))
  })

  test('removes everybody from a room, also from an empty one', async () => {
    double.enter(roomId, '8')
    for (let time = 0; time < 2; time++) await control.end(roomId, { ban: 3660 })
    expect(double.isPresent(roomId, '8')).toBe(false)
    expect(double.calls).toMatchObject([
      { action: 'end', roomId },
      { action: 'end', roomId },
    ])
  })

  test('fails in a way that may be retried while the service is overloaded or away', async () => {
    for (const status of [429, 500, 503]) {
      double.failures = [status]
      await expect(control.remove(user, { ban: 0 })).rejects.toMatchObject({ name: 'ControlError', retriable: true })
    }
    double.failures = []
    await control.remove(user, { ban: 0 })
    const away = await MediaServiceDouble.start(service)
    const unreachable = controlOf(service, controlEnv(service, away))
    await away.close()
    await expect(unreachable.end(roomId, { ban: 0 })).rejects.toMatchObject({ name: 'ControlError', retriable: true })
  })

  test('credentials that the service refuses may be corrected, an invalid request may not', async () => {
    const env = controlEnv(service, double)
    const wrong = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, name.includes('SECRET') ? `${value}.` : value]),
    )
    const refused = { name: 'ControlError', retriable: true }
    await expect(controlOf(service, wrong).remove(user, { ban: 0 })).rejects.toMatchObject(refused)
    expect(double.calls).toEqual([])
    double.failures = [400]
    await expect(control.remove(user, { ban: 0 })).rejects.toMatchObject({ retriable: false })
  })
})

describe('a ban', () => {
  test.each(['volcengine', 'agora'] as const)(
    'of %s lasts as long as the service allows, and is lifted',
    async (service) => {
      const double = await MediaServiceDouble.start(service)
      try {
        const control = controlOf(service, controlEnv(service, double))
        const longest = service === 'agora' ? 86_430 : 604_800
        for (const ban of [1, 1_000_000]) await control.remove(user, { ban })
        expect(double.calls.map(({ ban }) => ban)).toEqual([10, longest])
        const rule = await control.remove(user, { ban: 60 })
        for (let time = 0; time < 2; time++) await control.lift?.(user, rule ?? expect.unreachable())
        expect(double.calls.at(-1)).toMatchObject({ action: 'lift' })
        if (service === 'agora') expect(double.rules.size).toBe(2)
      } finally {
        await double.close()
      }
    },
  )
})

test('LiveKit tells who is in a room, except agents', async () => {
  const double = await MediaServiceDouble.start('livekit')
  try {
    const control = controlOf('livekit', controlEnv('livekit', double))
    expect(await control.list?.(roomId)).toEqual([])
    const enteredAt = new Date('2030-01-01T00:00:00.123Z')
    double.enter(roomId, '7', enteredAt)
    expect(await control.list?.(roomId)).toEqual([{ mediaId: '7', stay: `PA_${enteredAt.getTime()}`, enteredAt }])
  } finally {
    await double.close()
  }
})

test('LiveKit tells when a user has entered', async () => {
  const double = await MediaServiceDouble.start('livekit')
  try {
    const control = controlOf('livekit', controlEnv('livekit', double))
    expect(await control.enteredAt?.(user)).toBeNull()
    double.enter(roomId, '7', new Date('2030-01-01T00:00:00.123Z'))
    expect(await control.enteredAt?.(user)).toEqual(new Date('2030-01-01T00:00:00.123Z'))
  } finally {
    await double.close()
  }
})

// https://www.tencentcloud.com/document/api/213/33224, with the published example of a secret.
test("the signature of Tencent's documented example is computed", () => {
  const authorization = authorizationOf({
    url: new URL('https://cvm.tencentcloudapi.com/'),
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}',
    algorithm: 'TC3-HMAC-SHA256',
    accessKeyId: 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE',
    secret: 'TC3Gu5t9xGARNpq86cd98joQYCN3EXAMPLE',
    timestamp: '1551113065',
    scope: ['2019-02-25', 'cvm', 'tc3_request'],
  })
  expect(authorization).toContain('Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168')
})
