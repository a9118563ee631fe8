import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseEnv, promisify } from 'node:util'
import { exportJWK, jwtVerify } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { clockFinding } from '../../src/doctor/clock.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { rsa } from '../auth/tokens.ts'
import { caddyTests, startCaddy } from '../caddy.ts'
import { relayTests, startCoturn, type TurnServer } from '../coturn.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../database.ts'
import { query } from '../db/data-dir.ts'
import { NatsServer, natsTests } from '../nats.ts'
import { createNetwork, type Network } from '../network.ts'
import { runCommand, startGateway, withPreparedData } from '../process.ts'
import { makeDirectory } from '../scratch.ts'
import { WUKONGIM_TOKEN, WukongimDouble } from '../wukongim/double.ts'
import { SECRET } from '../world.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database.drop())

interface Examination {
  readonly code: number | null
  /** The findings of a check, as `status: detail`. */
  of(check: string): string[]
}

async function examine(env: Record<string, string>, network?: Network): Promise<Examination> {
  const { code, stdout, stderr } = await runCommand(['doctor', '--json'], { JWT_SECRET: SECRET, ...env }, network)
  expect(stderr).toBe('')
  const findings = JSON.parse(stdout) as Finding[]
  // Whoever reads a warning must learn what to do.
  expect(findings.filter(({ status, remedy }) => (status === 'ok') !== (remedy === undefined))).toEqual([])
  return {
    code,
    of: (check) =>
      findings.filter((finding) => finding.check === check).map(({ status, detail }) => `${status}: ${detail}`),
  }
}

const withDatabase = (more: Record<string, string> = {}) => examine({ DATABASE_URL: database.url, ...more })

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('rtc-gateway doctor prints', () => {
  test('a line for each check, and exits with 0 if none has failed', async () => {
    const { code, stdout } = await runCommand(['doctor'], { DATABASE_URL: database.url, JWT_SECRET: SECRET })
    expect(code).toBe(0)
    const lines = stdout.trim().split('\n')
    expect(lines.map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
      ['ok', 'configuration'],
      ['ok', 'database'],
      ['ok', 'connections'],
      ['ok', 'clock'],
      ['ok', 'migrations'],
      ['warn', 'TURN_URLS'],
    ])
  })

  test('every problem of an invalid configuration', async () => {
    const { code, of } = await withDatabase({ PORT: 'x', MIGRATE: 'later' })
    expect([code, of('configuration')]).toEqual([
      1,
      [expect.stringMatching(/^fail: MIGRATE: /), expect.stringMatching(/^fail: PORT: /)],
    ])
  })

  test('no secret', async () => {
    const env = { DATABASE_URL: database.url, JWT_SECRET: SECRET, TURN_URLS: 'turn:127.0.0.1:1?transport=tcp' }
    const { stdout } = await runCommand(['doctor'], { ...env, TURN_SECRET: 'the secret of coturn' })
    expect(stdout).toContain('turn:127.0.0.1:1')
    for (const secret of [SECRET, 'the secret of coturn', new URL(database.url).password]) {
      expect(stdout).not.toContain(secret)
    }
  })
})

describe('the database', () => {
  test('is described with version, latency and connections', async () => {
    const { of } = await withDatabase()
    expect(of('database')).toEqual([expect.stringMatching(/^ok: PostgreSQL 18\.\d+ at \S+ answers in \d+\.\d ms/)])
    expect(of('connections')).toEqual([expect.stringMatching(/^ok: \d+ of \d+ connections are free/)])
    expect(of('migrations')).toEqual(['ok: all of this version are applied'])
  })

  test('fails if nobody listens, without waiting DATABASE_WAIT seconds', async () => {
    const { code, of } = await withDatabase({ DATABASE_URL: 'postgresql://rtc@127.0.0.1:1/rtc', DATABASE_WAIT: '3600' })
    expect([code, of('database')]).toEqual([1, [expect.stringMatching(/^fail: DATABASE_URL: .* cannot be reached/)]])
  })

  test('fails if it is read-only', async () => {
    const name = new URL(database.url).pathname.slice(1)
    await query(database.url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    const { code, of } = await withDatabase()
    expect([code, of('database')]).toEqual([1, [expect.stringContaining('read-only')]])
  })

  test('has pending migrations, which doctor does not apply', async () => {
    const empty = await createEmptyDatabase()
    try {
      const { code, of } = await examine({ DATABASE_URL: empty.url })
      expect([code, of('migrations')]).toEqual([0, [expect.stringMatching(/^warn: \d+ are pending, \d+_init first/)]])
      expect(await query(empty.url, "SELECT FROM pg_tables WHERE schemaname = 'public'")).toEqual([])
    } finally {
      await empty.drop()
    }
  })

  test('fails if its schema is too new', async () => {
    await query(
      database.url,
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at)
       VALUES ('newer', '', '29990102000000_drop_name_requires_29990101000000', now())`,
    )
    const { code, of } = await withDatabase()
    expect([code, of('migrations')]).toEqual([1, [expect.stringMatching(/^fail: .* newer version/)]])
  })
})

describe('clocks', () => {
  test.each([
    [200, 'ok'],
    [-1500, 'warn'],
    [6000, 'fail'],
    [-90_000, 'fail'],
  ])('%d ms apart are %s', (ahead, status) => {
    expect(clockFinding('the other clock', ahead)).toMatchObject({ check: 'clock', status })
  })

  test("the issuer's clock is read from the header Date", async () => {
    const url = await serve((_, response) => {
      response.setHeader('Date', new Date(Date.now() - 60_000).toUTCString()).end('{"keys":[]}')
    })
    const { of } = await withDatabase({ JWT_SECRET: '', JWKS_URL: url })
    expect(of('clock')).toEqual([
      expect.stringMatching(/^ok: the database's clock/),
      expect.stringMatching(/^fail: the issuer's clock is \d\d\.\d s behind/),
    ])
  })
})

describe('the key set', () => {
  test('is fetched, and has keys', async () => {
    const key = { ...(await exportJWK(rsa.publicKey)), kid: 'one' }
    const url = await serve((_, response) => void response.end(JSON.stringify({ keys: [key] })))
    const { of } = await withDatabase({ JWT_SECRET: '', JWKS_URL: url })
    expect(of('JWKS_URL')).toEqual(['ok: has a key'])
  })

  test.each<[string, RequestListener]>([
    ['no key', (_, response) => void response.end('{"keys":[{"kty":"oct"}]}')],
    ['redirects', (_, response) => void response.writeHead(302, { location: '/elsewhere' }).end()],
    ['does not return', (_, response) => void response.end('<html>')],
  ])('fails if it has or is: %s', async (words, listener) => {
    const { code, of } = await withDatabase({ JWT_SECRET: '', JWKS_URL: await serve(listener) })
    expect([code, of('JWKS_URL')]).toEqual([1, [expect.stringMatching(`^fail: .*${words}`)]])
  })
})

describe('PUBLIC_URL', () => {
  test('reaches the gateway by HTTP and WebSocket', async () => {
    const gateway = await startGateway({ DATABASE_URL: database.url, JWT_SECRET: SECRET, HOST: '127.0.0.1' })
    const { of } = await withDatabase({ PUBLIC_URL: gateway.url })
    await gateway.stop('SIGTERM')
    expect(of('PUBLIC_URL')).toEqual([`ok: ${gateway.url} is the gateway`, 'ok: the proxy passes WebSockets on'])
  })

  test('fails if the proxy does not pass WebSockets on', async () => {
    const url = await serve((_, response) => void response.end('{"status":"live"}'))
    const { code, of } = await withDatabase({ PUBLIC_URL: url })
    expect([code, of('PUBLIC_URL')]).toEqual([
      1,
      [expect.stringMatching(/^ok/), expect.stringMatching(/^fail: does not open a WebSocket/)],
    ])
  })

  test('fails if something else answers', async () => {
    const { of } = await withDatabase({ PUBLIC_URL: await serve((_, response) => void response.end('hello')) })
    expect(of('PUBLIC_URL')).toEqual([expect.stringMatching(/^fail: .* answers 200, not as the gateway does/)])
  })
})

describe.runIf(natsTests)('the bus', () => {
  test('accepts the connection', async () => {
    const server = await NatsServer.start()
    const { of } = await withDatabase({ BUS_URL: server.url })
    expect(of('BUS_URL')).toEqual(['ok: the NATS server accepts the connection'])
  })

  test('fails if nobody listens', async () => {
    const { code, of } = await withDatabase({ BUS_URL: 'nats://127.0.0.1:1' })
    expect([code, of('BUS_URL')]).toEqual([
      1,
      [expect.stringMatching(/^fail: the NATS server cannot be used: .*refused/i)],
    ])
  })
})

describe('WukongIM', () => {
  test.each([2, 3] as const)('v%d accepts the token, and is sent nothing', async (version) => {
    const wukongim = await WukongimDouble.start({ version })
    onTestFinished(() => wukongim.close())
    const { of } = await withDatabase({ WUKONGIM_URL: wukongim.url, WUKONGIM_TOKEN })
    expect(of('WUKONGIM_URL')).toEqual([expect.stringMatching(/^ok: answers and accepts the token/)])
    expect([wukongim.requests, wukongim.messages]).toEqual([['/user/onlinestatus'], []])
  })

  test('fails with another token', async () => {
    const wukongim = await WukongimDouble.start({ version: 2 })
    onTestFinished(() => wukongim.close())
    const { code, of } = await withDatabase({ WUKONGIM_URL: wukongim.url, WUKONGIM_TOKEN: 'another' })
    expect([code, of('WUKONGIM_URL')]).toEqual([1, [expect.stringMatching(/^fail: WukongIM answered 4\d\d/)]])
  })

  test('fails if nobody listens', async () => {
    const { code, of } = await withDatabase({ WUKONGIM_URL: 'http://127.0.0.1:2' })
    expect([code, of('WUKONGIM_URL')]).toEqual([1, [expect.stringMatching(/^fail: does not answer: .*ECONNREFUSED/)]])
  })
})

describe('the push gateway', () => {
  test.each([
    [405, 'ok'],
    [404, 'fail'],
    [502, 'fail'],
  ])('that answers %d is %s, and gets no notification', async (status, verdict) => {
    const requests: string[] = []
    const url = await serve(({ method, url: path }, response) => {
      requests.push(`${method} ${path}`)
      response.writeHead(status).end()
    })
    const { of } = await withDatabase({ PUSH_GATEWAY_URL: url })
    expect(of('PUSH_GATEWAY_URL')).toEqual([expect.stringMatching(new RegExp(`^${verdict}: .*answers ${status}`))])
    expect(requests).toEqual(['GET /_matrix/push/v1/notify'])
  })

  test('fails if nobody listens', async () => {
    const { code, of } = await withDatabase({ PUSH_GATEWAY_URL: 'http://127.0.0.1:2' })
    expect([code, of('PUSH_GATEWAY_URL')]).toEqual([
      1,
      [expect.stringMatching(/^fail: does not answer: .*ECONNREFUSED/)],
    ])
  })
})

describe('providers', () => {
  const account = { LIVEKIT_API_KEY: 'key', LIVEKIT_API_SECRET: 'the secret that LiveKit knows, 32 bytes' }
  const livekit = (secret: string) =>
    serve((request, response) => {
      const token = request.headers.authorization?.slice('Bearer '.length) ?? ''
      jwtVerify(token, new TextEncoder().encode(secret)).then(
        () => response.setHeader('content-type', 'application/json').end('{"rooms":[]}'),
        () => response.writeHead(401).end('{"code":"unauthenticated","msg":"invalid token"}'),
      )
    })

  test('LiveKit verifies the account', async () => {
    const url = await livekit(account.LIVEKIT_API_SECRET)
    const { of } = await withDatabase({ ...account, LIVEKIT_URL: url })
    expect(of('provider livekit')).toEqual([`ok: ${url} accepts the API key`])
  })

  test('LiveKit with another secret fails', async () => {
    const url = await livekit('another secret')
    const { code, of } = await withDatabase({ ...account, LIVEKIT_URL: url })
    expect([code, of('provider livekit')]).toEqual([1, [expect.stringMatching(/^fail: does not accept the account/)]])
  })

  test('without an address sign a token', async () => {
    const { of } = await withDatabase({ AGORA_APP_ID: 'a'.repeat(32), AGORA_CERTIFICATE: 'b'.repeat(32) })
    expect(of('provider agora')).toEqual([expect.stringMatching(/^ok: signs tokens/)])
  })
})

describe.runIf(relayTests)('a TURN server', () => {
  let network: Network
  let coturn: TurnServer
  beforeAll(async () => {
    network = await createNetwork()
    coturn = await startCoturn(network)
  })
  afterAll(async () => {
    await coturn?.close()
    await network?.close()
  })

  const examineTurn = (more: Record<string, string>) =>
    withPreparedData(async (DATA_DIR) => {
      const urls = { STUN_URLS: 'stun:127.0.0.1:3478', TURN_URLS: coturn.url, TURN_SECRET: coturn.secret }
      return await examine({ DATA_DIR, ...urls, ...more }, network)
    })

  test.each(['udp', 'tcp'])('allocates a relay address over %s', async (transport) => {
    const url = `${coturn.url}?transport=${transport}`
    const { code, of } = await examineTurn({ TURN_URLS: url })
    expect([code, of('stun:127.0.0.1:3478')]).toEqual([0, ['ok: answers; it sees this machine as 127.0.0.1']])
    // The relay of this test has a private address, of which doctor warns.
    expect(of(url)).toEqual([expect.stringMatching(/^warn: accepts the credentials, but relays at 127\.0\.0\.1/)])
    await expect.poll(() => coturn.output()).toMatch(/usage: .*username=<\d+:doctor>|closed \(2nd stage\).*doctor/)
  })

  test('refuses the credentials of another secret', async () => {
    const { code, of } = await examineTurn({ TURN_SECRET: 'another secret' })
    expect([code, of(coturn.url)]).toEqual([1, ['fail: refuses an allocation: 401 Unauthorized']])
  })

  test('that does not run is reported, with its port', async () => {
    const { code, of } = await examineTurn({ TURN_URLS: 'turn:127.0.0.1:3999?transport=tcp' })
    expect([code, of('turn:127.0.0.1:3999?transport=tcp')]).toEqual([
      1,
      [expect.stringMatching(/^fail: does not answer: .*ECONNREFUSED/)],
    ])
  })
})

describe.runIf(relayTests)('the configuration of coturn in docs/operations/turn.md', () => {
  test('relays with the variables of the same page, over UDP, TCP and TLS', async () => {
    const page = await readFile('docs/operations/turn.md', 'utf8')
    const [, configuration = ''] = /^```ini\n([^`]*)```/m.exec(page) ?? []
    const [, variables = ''] = /^```sh\n([^`]*)```/m.exec(page) ?? []
    const network = await createNetwork()
    const directory = await makeDirectory('turn')
    const certificate = await makeCertificate(directory, 'turn.example.com')
    const here = configuration
      .replace('/etc/ssl/turn.example.com.pem', certificate.cert)
      .replace('/etc/ssl/turn.example.com.key', certificate.key)
    const coturn = await startCoturn(network, here)
    try {
      const { TURN_URLS = '', STUN_URLS = '' } = parseEnv(variables.replaceAll('turn.example.com', '127.0.0.1'))
      expect(TURN_URLS.split(',')).toHaveLength(3)
      await withPreparedData(async (DATA_DIR) => {
        const { code, of } = await examine(
          { DATA_DIR, STUN_URLS, TURN_URLS, TURN_SECRET: coturn.secret, NODE_EXTRA_CA_CERTS: certificate.cert },
          network,
        )
        for (const url of TURN_URLS.split(','))
          expect(of(url)).toEqual([expect.stringMatching(/accepts the credentials/)])
        expect([code, of(STUN_URLS)]).toEqual([0, [expect.stringMatching(/^ok: /)]])
      })
    } finally {
      await coturn.close()
      await network.close()
    }
  })
})

/** A certificate of its own authority, for a name and for 127.0.0.1. */
async function makeCertificate(directory: string, name: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = [`${directory}/cert.pem`, `${directory}/key.pem`]
  const files = ['-keyout', key, '-out', cert]
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name},IP:127.0.0.1`]
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    ...files,
    ...names,
  ])
  return { cert, key }
}

describe.runIf(caddyTests)('the configuration of Caddy in docs/operations/proxy.md', () => {
  test('passes requests and WebSockets on, with a path prefix', async () => {
    const page = await readFile('docs/operations/proxy.md', 'utf8')
    const [, documented = ''] = /^```caddy\n([^`]*)```/m.exec(page) ?? []
    const gateway = await startGateway({ DATABASE_URL: database.url, JWT_SECRET: SECRET, HOST: '127.0.0.1' })
    const caddy = await startCaddy(documented, gateway.url)
    try {
      const { code, of } = await withDatabase({ PUBLIC_URL: `${caddy.url}/rtc` })
      expect([code, of('PUBLIC_URL')]).toEqual([
        0,
        [`ok: ${caddy.url}/rtc is the gateway`, 'ok: the proxy passes WebSockets on'],
      ])
    } finally {
      await caddy.close()
      await gateway.stop('SIGTERM')
    }
  })
})
