import { describe, expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../src/config.ts'
import { MEDIA_PROVIDERS } from '../src/core/media-provider.ts'
import { CONTROL_KEYS } from './media/control/services.ts'
import { HOOK_KEYS } from './media/hooks/signed.ts'
import { VAPID, VAPID_ENV } from './push/browser.ts'

const SECRET = 'a secret of the application that issues tokens'
const PUBLIC_KEY = '-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----'

/** The problems of an environment; each begins with the name of its variable. */
function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
const namesOf = (environment: Record<string, string>) =>
  problemsOf(environment)
    .map((problem) => problem.slice(0, problem.indexOf(':')))
    .toSorted()

describe('without any variable', () => {
  test('the gateway runs in development mode with an embedded database and the documented defaults', () => {
    const { config, secrets } = loadConfig({})
    expect(config).toEqual({
      development: true,
      production: false,
      graphiql: true,
      introspection: true,
      callPage: true,
      adminPage: true,
      http: {
        host: undefined,
        port: 3000,
        corsOrigins: ['*'],
        drainTime: 5,
        keepAliveTimeout: 75,
        publicUrl: undefined,
        trustProxy: [],
        connections: { max: 10_000, maxPerAddress: 1_000 },
        requests: { max: 1_000, maxPerAddress: 250 },
      },
      busyPolicy: 'ring',
      offlinePolicy: 'ring',
      quotas: { liveRoomsMax: 1000, ringingMax: 8 },
      databaseWait: 30,
      migrateAtStart: true,
      dataDir: '.data',
      auth: {
        issuer: undefined,
        audience: undefined,
        userClaim: 'sub',
        jwksUrl: undefined,
        jwksMaxStale: 86_400,
        allowNoExpiry: false,
      },
      deadlines: { ring: 45, grace: 20, empty: 30, maxDuration: 86_400 },
      ice: { stunUrls: [], turnUrls: [] },
      media: { defaultProvider: 'webrtc', meshMax: 6, tokenTtl: undefined },
      webhooks: { urls: [], hosts: undefined, allowPrivate: false },
      push: {
        hosts: ['fcm.googleapis.com', '*.push.services.mozilla.com', '*.push.apple.com', '*.notify.windows.com'],
        allowPrivate: false,
        gatewayUrl: undefined,
      },
      rates: expect.objectContaining({ create: { capacity: 120, refill: 2 }, redial: { capacity: 30, refill: 0.5 } }),
      logs: { level: 'info', requests: 'all' },
      tracing: undefined,
    })
    expect(Object.values(secrets).filter((secret) => secret !== undefined)).toEqual([])
  })

  test('an empty variable counts as absent', () => {
    const empty = {
      PORT: '',
      HOST: ' ',
      DATABASE_URL: '',
      JWT_SECRET: '  ',
      LOG_LEVEL: '',
      CORS_ORIGINS: '',
      NODE_ENV: '',
    }
    expect(loadConfig(empty)).toEqual(loadConfig({}))
  })
})

describe('rates', () => {
  test('are configured one by one, each with its unit', () => {
    const { rates } = loadConfig({ RATE_CREATE: '10/5s' }).config
    expect(rates).toMatchObject({ create: { capacity: 10, refill: 2 }, join: { capacity: 120, refill: 2 } })
  })

  test('are all disabled by RATE_LIMITS=off', () => {
    expect(loadConfig({ RATE_LIMITS: 'off' }).config.rates).toBeUndefined()
  })
})

describe('a key', () => {
  test.each<Record<string, string>>([
    { JWT_SECRET: SECRET },
    { JWT_PUBLIC_KEY: PUBLIC_KEY },
    { JWKS_URL: 'https://id.example/jwks' },
  ])('disables development mode and suffices for production (%j)', (key) => {
    expect(loadConfig(key).config.development).toBe(false)
    const { config } = loadConfig({ ...key, NODE_ENV: 'production' })
    expect(config).toMatchObject({ development: false, graphiql: false, introspection: false })
  })

  test('is required in production', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([expect.stringContaining('JWT_PUBLIC_KEY or JWKS_URL')])
  })

  test.each(['development', 'production', 'test', ''])(
    'that is a secret must have 32 bytes (NODE_ENV %j)',
    (NODE_ENV) => {
      expect(namesOf({ JWT_SECRET: 'x'.repeat(31), NODE_ENV })).toEqual(['JWT_SECRET'])
      expect(namesOf({ JWT_SECRET: 'ä'.repeat(16), NODE_ENV })).toEqual([])
    },
  )

  test('may be on one line with escaped line breaks, as in env files', () => {
    const { secrets } = loadConfig({ JWT_PUBLIC_KEY: `${PUBLIC_KEY.replaceAll('\n', '\\n')}\\n` })
    expect(secrets.jwtPublicKey).toBe(PUBLIC_KEY)
  })

  test('that is not a public key, or includes a private one, is refused', () => {
    const privateKey = '-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----'
    for (const JWT_PUBLIC_KEY of ['nonsense', privateKey, `${privateKey}\n${PUBLIC_KEY}`]) {
      expect(namesOf({ JWT_PUBLIC_KEY })).toEqual(['JWT_PUBLIC_KEY'])
    }
  })

  test('that is a public key is refused as a secret', () => {
    expect(namesOf({ JWT_SECRET: PUBLIC_KEY })).toEqual(['JWT_SECRET'])
  })
})

test.each(['prod', 'Production', 'staging', 'dev'])(
  'NODE_ENV %s is refused, because it would enable development mode',
  (NODE_ENV) => {
    expect(problemsOf({ NODE_ENV, JWT_SECRET: SECRET })).toEqual([expect.stringMatching(/^NODE_ENV: .*"production"/)])
  },
)

describe('contradictions', () => {
  test('only one kind of key may be set', () => {
    const keys = { JWT_SECRET: SECRET, JWT_PUBLIC_KEY: PUBLIC_KEY, JWKS_URL: 'https://id.example/jwks' }
    expect(namesOf(keys)).toEqual(['JWT_SECRET, JWT_PUBLIC_KEY, JWKS_URL'])
  })

  test('TURN_URLS and TURN_SECRET require each other', () => {
    expect(namesOf({ TURN_URLS: 'turn:turn.example:3478' })).toEqual(['TURN_SECRET'])
    expect(namesOf({ TURN_SECRET: SECRET })).toEqual(['TURN_URLS'])
    expect(namesOf({ TURN_URLS: 'turn:turn.example:3478', TURN_SECRET: SECRET })).toEqual([])
  })
})

describe('a media provider', () => {
  const ACCOUNTS = {
    volcengine: { VOLCENGINE_APP_ID: '0123456789abcdef01234567', VOLCENGINE_APP_KEY: 'key' },
    livekit: { LIVEKIT_URL: 'wss://livekit.example', LIVEKIT_API_KEY: 'key', LIVEKIT_API_SECRET: 'secret' },
    tencent: { TENCENT_SDK_APP_ID: '1400000000', TENCENT_SECRET: 'secret' },
    agora: { AGORA_APP_ID: 'a'.repeat(32), AGORA_CERTIFICATE: 'b'.repeat(32) },
  }

  test('has an account in these tests, except webrtc', () => {
    const providers = MEDIA_PROVIDERS.filter((provider) => provider !== 'webrtc')
    expect(Object.keys(ACCOUNTS).toSorted()).toEqual(providers.toSorted())
  })

  test.each(Object.entries(ACCOUNTS))('%s requires all of its variables', (provider, account) => {
    expect(namesOf(account)).toEqual([])
    for (const left of Object.keys(account)) {
      const { [left]: _, ...rest } = account as Record<string, string>
      expect(problemsOf(rest)).toEqual([`${left}: is required with ${Object.keys(rest).join(' and ')}`])
    }
    const [name = '', ...others] = Object.keys(account)
    const alone = { [name]: (account as Record<string, string>)[name] ?? '' }
    expect(namesOf(alone)).toEqual(others.toSorted())
  })

  test.each(Object.entries(HOOK_KEYS))('the webhooks of %s require all of their variables', (_provider, keys) => {
    expect(namesOf(keys)).toEqual([])
    const [[first, value] = ['', ''], ...others] = Object.entries(keys)
    expect(namesOf({ [first]: value })).toEqual(others.map(([name]) => name))
  })

  test.each(Object.entries(CONTROL_KEYS))(
    'the room control of %s requires its keys and the account',
    (provider, keys) => {
      const account = ACCOUNTS[provider as keyof typeof ACCOUNTS]
      expect(namesOf({ ...account, ...keys })).toEqual([])
      const [[first, value] = ['', ''], [second] = ['']] = Object.entries(keys)
      expect(namesOf({ ...account, [first]: value })).toEqual([second])
      const missing = namesOf(keys)
      expect(missing).toHaveLength(1)
      expect(Object.keys(account)).toContain(missing[0])
    },
  )

  test('has a lifetime of tokens between a minute and a day', () => {
    expect(loadConfig({ MEDIA_TOKEN_TTL: '60' }).config.media.tokenTtl).toBe(60)
    for (const value of ['59', '86401', '1.5']) expect(namesOf({ MEDIA_TOKEN_TTL: value })).toEqual(['MEDIA_TOKEN_TTL'])
  })

  test.each(Object.entries(ACCOUNTS))('%s can be the default only if it is configured', (provider, account) => {
    expect(problemsOf({ DEFAULT_PROVIDER: provider })).toEqual([
      `DEFAULT_PROVIDER: ${provider} requires ${Object.keys(account).join(', ')}`,
    ])
    expect(loadConfig({ ...account, DEFAULT_PROVIDER: provider }).config.media).toMatchObject({
      defaultProvider: provider,
      [provider]: expect.any(Object),
    })
  })

  test.each([
    ['VOLCENGINE_APP_ID', ['0123456789abcdef0123456', '0123456789abcdef012345678', '0123456789abcdef0123456-']],
    ['LIVEKIT_URL', ['livekit.example', 'ftp://livekit.example', 'wss://user:secret@livekit.example', 'wss://']],
    ['TENCENT_SDK_APP_ID', ['0', '14x', '-1', '1.5', '14000000001']],
    ['AGORA_APP_ID', ['a'.repeat(31), 'g'.repeat(32)]],
    ['AGORA_CERTIFICATE', ['a'.repeat(33), 'g'.repeat(32)]],
    ['DEFAULT_PROVIDER', ['zoom', 'LIVEKIT']],
  ])('refuses invalid values of %s', (name, values) => {
    const complete = Object.assign({}, ...Object.values(ACCOUNTS)) as Record<string, string>
    expect(namesOf(complete)).toEqual([])
    for (const value of values) expect(namesOf({ ...complete, [name]: value })).toEqual([name])
  })
})

describe('problems', () => {
  test('are reported all at once, including contradictions', () => {
    const environment = {
      NODE_ENV: 'production',
      PORT: 'http',
      DATABASE_URL: 'mysql://localhost/rtc',
      RING_TIMEOUT: '45s',
      DISCONNECT_GRACE: '0',
      STUN_URLS: 'stun:stun.example:3478, https://stun.example',
      TURN_SECRET: SECRET,
      LOG_LEVEL: 'loud',
    }
    expect(namesOf(environment)).toEqual(
      [
        ...Object.keys(environment).filter((name) => !['NODE_ENV', 'TURN_SECRET'].includes(name)),
        'JWT_SECRET',
        'TURN_URLS',
      ].toSorted(),
    )
  })

  test.each([
    ['PORT', ['-1', '65536', '3000.5', '0x10']],
    ['RING_TIMEOUT', ['0', '-5', '1e3', '2147484']],
    ['JWKS_URL', ['id.example', 'ftp://id.example', 'https://', 'https://[', 'https://user:secret@id.example/jwks']],
    ['TURN_URLS', ['turn.example', 'turn:a,stun:b']],
    ['RATE_CREATE', ['120', '0/60s', '120/0s', '120/60', '1.5/60s', '-1/60s']],
    ['RATE_LIMITS', ['no', 'OFF']],
    [
      'CORS_ORIGINS',
      [
        'app.example',
        'https://',
        'https://a.example/path',
        'https://a.*.example',
        '*.a.example',
        'null',
        'https://a@b',
      ],
    ],
    ['PUBLIC_URL', ['rtc.example', 'ftp://rtc.example', 'https://user:secret@rtc.example', 'https://rtc.example/?a']],
    ['TRUST_PROXY', ['nginx', '10.0.0.0/33', '10.0.0.1/8/8', '10.0.0.0/x', '::1/129']],
    ['MAX_CONNECTIONS', ['0', '-1', '1e3']],
    ['KEEP_ALIVE_TIMEOUT', ['0', '3601']],
    ['RETENTION', ['0', '1.5', '36501', 'for ever']],
    ['WEBHOOK_SECRET', ['secret', 'whsec_', 'whsec_AAAA', 'whsec_a-b']],
    ['WEBHOOK_SIGNING_KEY', ['key', 'whsk_AAAA']],
    ['WEBHOOK_HOSTS', ['https://a.example', '*', 'a/b']],
    ['WEBHOOK_ALLOW_PRIVATE', ['yes', 'TRUE']],
    ['PUSH_HOSTS', ['https://a.example', 'a.*', 'a/b']],
    ['PUSH_ALLOW_PRIVATE', ['yes', 'TRUE']],
    ['PUSH_GATEWAY_URL', ['sygnal', 'ftp://sygnal', 'https://user:secret@sygnal']],
    ['WUKONGIM_URL', ['foo', 'ws://im.example:5200', 'http://user:secret@im.example:5001']],
  ])('are reported for invalid values of %s', (name, values) => {
    for (const value of values)
      expect(namesOf({ TURN_SECRET: SECRET, TURN_URLS: 'turn:a', [name]: value })).toEqual([name])
  })

  test('are combined into one message that contains no secret', () => {
    const environment = { PORT: 'x', JWT_SECRET: SECRET, JWKS_URL: 'https://user:hunter2@id.example' }
    expect(() => loadConfig(environment)).toThrow(/PORT[^]+JWKS_URL/)
    expect(() => loadConfig(environment)).not.toThrow(SECRET)
    expect(() => loadConfig(environment)).not.toThrow('hunter2')
  })
})

describe('Web Push', () => {
  const { VAPID_PUBLIC_KEY = '', VAPID_PRIVATE_KEY = '', VAPID_SUBJECT = '' } = VAPID_ENV

  test('is on with three variables, which are secret', () => {
    const { config, secrets } = loadConfig(VAPID_ENV)
    expect(secrets.vapid).toEqual(VAPID)
    expect(JSON.stringify(config)).not.toContain(VAPID_PRIVATE_KEY)
    expect(loadConfig({}).secrets.vapid).toBeUndefined()
  })

  test('uses keys without the padding with which they are configured', () => {
    const padded = { VAPID_PUBLIC_KEY: `${VAPID_PUBLIC_KEY}=`, VAPID_PRIVATE_KEY: `${VAPID_PRIVATE_KEY}=` }
    expect(loadConfig({ ...VAPID_ENV, ...padded }).secrets.vapid).toEqual(VAPID)
  })

  test.each([
    [{ VAPID_PUBLIC_KEY }, ['VAPID_PRIVATE_KEY', 'VAPID_SUBJECT']],
    [{ VAPID_PUBLIC_KEY, VAPID_PRIVATE_KEY }, ['VAPID_SUBJECT']],
    [{ ...VAPID_ENV, VAPID_SUBJECT: 'operator@example.com' }, ['VAPID_SUBJECT']],
    [{ ...VAPID_ENV, VAPID_PUBLIC_KEY: VAPID_PRIVATE_KEY }, ['VAPID_PUBLIC_KEY']],
    [{ ...VAPID_ENV, VAPID_PUBLIC_KEY: Buffer.alloc(65, 4).toString('base64url') }, ['VAPID_PUBLIC_KEY']],
    [{ ...VAPID_ENV, VAPID_PRIVATE_KEY: Buffer.alloc(32).toString('base64url') }, ['VAPID_PRIVATE_KEY']],
    [{ ...VAPID_ENV, VAPID_PRIVATE_KEY: Buffer.alloc(32, 1).toString('base64url') }, ['VAPID_PRIVATE_KEY']],
  ])('%j is reported as %j', (environment, names) => {
    expect(VAPID_SUBJECT).toMatch(/^mailto:/)
    expect(namesOf(environment)).toEqual(names)
  })

  test.each([
    ['https://sygnal.example', 'https://sygnal.example/_matrix/push/v1/notify'],
    ['http://sygnal:5000/a/', 'http://sygnal:5000/a/_matrix/push/v1/notify'],
    ['https://sygnal.example/_matrix/push/v1/notify', 'https://sygnal.example/_matrix/push/v1/notify'],
  ])('a push gateway at %s is called at %s', (PUSH_GATEWAY_URL, url) => {
    expect(loadConfig({ PUSH_GATEWAY_URL }).config.push.gatewayUrl).toBe(url)
  })
})

test('a token of WukongIM is refused without its address, and must fit into a header', () => {
  expect(problemsOf({ WUKONGIM_TOKEN: 'token' })).toEqual(['WUKONGIM_URL: is required with WUKONGIM_TOKEN'])
  expect(namesOf({ WUKONGIM_URL: 'http://im.example:5001', WUKONGIM_TOKEN: 'to\nken' })).toEqual(['WUKONGIM_TOKEN'])
  expect(problemsOf({ WUKONGIM_URL: 'foo' })).toEqual([
    'WUKONGIM_URL: must be a URL of the form http://wukongim:5001, without credentials',
  ])
})

describe('webhooks', () => {
  const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

  test('of the configuration need a secret and allowed URLs', () => {
    expect(namesOf({ WEBHOOK_URLS: 'https://a.example' })).toEqual(['WEBHOOK_SECRET'])
    expect(namesOf({ WEBHOOK_URLS: 'http://a.example', WEBHOOK_SECRET })).toEqual(['WEBHOOK_URLS'])
    expect(namesOf({ WEBHOOK_URLS: 'https://10.0.0.1', WEBHOOK_SECRET })).toEqual(['WEBHOOK_URLS'])
    const allowed = { WEBHOOK_URLS: 'http://10.0.0.1', WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: 'true' }
    expect(loadConfig(allowed).config.webhooks).toMatchObject({ urls: ['http://10.0.0.1'], allowPrivate: true })
  })

  test('may have any host, but in production only those that are configured', () => {
    expect(loadConfig({}).config.webhooks.hosts).toBeUndefined()
    const production = {
      NODE_ENV: 'production',
      JWT_SECRET: SECRET,
      WEBHOOK_SECRET,
      WEBHOOK_URLS: 'https://a.example/x',
    }
    expect(loadConfig({ ...production, WEBHOOK_HOSTS: '*.b.example' }).config.webhooks.hosts).toEqual([
      '*.b.example',
      'a.example',
    ])
  })

  test('are signed by a secret that is not printable', () => {
    const { config, secrets } = loadConfig({ WEBHOOK_SECRET })
    expect(secrets.webhookSecrets).toEqual([WEBHOOK_SECRET])
    expect(JSON.stringify(config)).not.toContain(WEBHOOK_SECRET)
  })
})

test('the printable configuration contains no secret', () => {
  const values = {
    DATABASE_URL: 'postgresql://rtc:hunter2@db.example/rtc',
    JWT_SECRET: 'the secret that signs tokens, long enough',
    TURN_SECRET: 'the secret of the TURN server',
    VOLCENGINE_APP_KEY: 'the key of the volcengine app',
    LIVEKIT_API_SECRET: 'the secret of the livekit server',
    TENCENT_SECRET: 'the secret of the tencent app',
    AGORA_CERTIFICATE: 'c'.repeat(32),
    LIVEKIT_WEBHOOK_API_SECRET: 'the secret of the livekit webhooks',
    LIVEKIT_CONTROL_API_SECRET: 'the secret of the livekit room service',
    VOLCENGINE_WEBHOOK_SECRET: 'the secret of the volcengine callbacks',
    VOLCENGINE_SECRET_KEY: 'the secret key of volcengine',
    TENCENT_WEBHOOK_KEY: 'theKeyOfTheTencentCallbacks',
    TENCENT_SECRET_KEY: 'the secret key of tencent cloud',
    AGORA_WEBHOOK_SECRET: 'the secret of the agora notifications',
    AGORA_CUSTOMER_SECRET: 'the secret of the agora customer',
    WUKONGIM_TOKEN: 'the-manager-token-of-wukongim',
  }
  const { config, secrets } = loadConfig({
    ...values,
    TURN_URLS: 'turn:turn.example:3478',
    VOLCENGINE_APP_ID: 'v'.repeat(24),
    LIVEKIT_URL: 'wss://livekit.example',
    LIVEKIT_API_KEY: 'key',
    TENCENT_SDK_APP_ID: '1400000000',
    AGORA_APP_ID: 'a'.repeat(32),
    LIVEKIT_WEBHOOK_API_KEY: 'key',
    LIVEKIT_CONTROL_API_KEY: 'key',
    VOLCENGINE_ACCESS_KEY: 'key',
    TENCENT_SECRET_ID: 'key',
    AGORA_CUSTOMER_ID: 'customer',
    WUKONGIM_URL: 'http://im.example:5001',
  })
  for (const value of Object.values(values)) {
    expect(JSON.stringify(config)).not.toContain(value)
    expect(Object.values(secrets)).toContain(value)
  }
})

test('lists are separated by commas with optional spaces', () => {
  const { config } = loadConfig({
    CORS_ORIGINS: 'https://a.example, https://b.example,',
    STUN_URLS: ' stun:a , stuns:b ',
  })
  expect(config.http.corsOrigins).toEqual(['https://a.example', 'https://b.example'])
  expect(config.ice.stunUrls).toEqual(['stun:a', 'stuns:b'])
})

test('origins are normalised to the form that browsers send', () => {
  const CORS_ORIGINS =
    'https://A.example/, HTTP://b.example:80, https://c.example:8443, https://*.D.example:443, capacitor://localhost'
  expect(loadConfig({ CORS_ORIGINS }).config.http.corsOrigins).toEqual([
    'https://a.example',
    'http://b.example',
    'https://c.example:8443',
    'https://*.d.example',
    'capacitor://localhost',
  ])
})

test('removes the trailing slash of PUBLIC_URL', () => {
  expect(loadConfig({ PUBLIC_URL: 'https://host.example/rtc/' }).config.http.publicUrl).toBe('https://host.example/rtc')
})
