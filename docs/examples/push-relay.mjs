// Rings phones: receives the webhooks call.* and sends them on by FCM and APNs, without dependencies.
//
//   SECRET=whsec_… DEVICES=devices.json FCM_ACCOUNT=service-account.json \
//   APNS_KEY=AuthKey.p8 APNS_KEY_ID=… APNS_TEAM_ID=… APNS_BUNDLE_ID=com.example.app PORT=4000 node push-relay.mjs
//
// DEVICES: {"bob": [{"kind": "fcm", "token": "…"}, {"kind": "apns", "token": "…"}]}; yours are in your database. For a webhook
// of the types call.ringing, call.answered, call.rejected, call.cancelled and call.missed.

import { createHmac, sign, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:http2'

const { env } = process
/** Seconds by which the time of an attempt may differ from this clock. */
const TOLERANCE = 300
const BODY_MAX = 64 * 1024
/** Milliseconds for one push. The gateway waits for 15 s. */
const TIMEOUT = 10_000
/** Tokens of an hour are made again after these milliseconds. */
const TOKEN_LIFE = 50 * 60_000

const key = Buffer.from((env.SECRET ?? '').replace(/^whsec_/, ''), 'base64')
/** @type {Record<string, { kind: 'fcm' | 'apns', token: string }[]>} */
const devices = JSON.parse(readFileSync(env.DEVICES ?? 'devices.json', 'utf8'))

/**
 * Whether the gateway has signed the message, and recently.
 *
 * @param {import('node:http').IncomingHttpHeaders} headers
 * @param {string} body
 */
function isGenuine(headers, body) {
  const id = String(headers['webhook-id'])
  const timestamp = Number(headers['webhook-timestamp'])
  if (!(Math.abs(Date.now() / 1000 - timestamp) <= TOLERANCE)) return false
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest()
  return String(headers['webhook-signature'])
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice(3), 'base64'))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected))
}

/** @param {object} value */
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * A signed JSON Web Token.
 *
 * @param {Record<string, string>} header
 * @param {object} claims
 * @param {string} privateKey - PEM
 */
function jwt(header, claims, privateKey) {
  const text = `${encode(header)}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

/**
 * Keeps a token until it is old.
 *
 * @param {() => Promise<string> | string} make
 */
function renewed(make) {
  /** @type {{ token: Promise<string>, madeAt: number } | undefined} */
  let current
  return async () => {
    if (!current || Date.now() - current.madeAt > TOKEN_LIFE) {
      current = { token: Promise.resolve(make()), madeAt: Date.now() }
    }
    const { token } = current
    token.catch(() => (current = undefined))
    return token
  }
}

const now = () => Math.floor(Date.now() / 1000)

/**
 * A high-priority data message. All values must be strings: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
 *
 * @typedef {Record<string, string>} Data
 * @returns {(token: string, data: Data, ttl: number) => Promise<number>}
 */
function fcmSender() {
  const account = JSON.parse(readFileSync(env.FCM_ACCOUNT ?? '', 'utf8'))
  const accessToken = renewed(async () => {
    const scope = 'https://www.googleapis.com/auth/firebase.messaging'
    const claims = { iss: account.client_email, scope, aud: account.token_uri, iat: now(), exp: now() + 3600 }
    const assertion = jwt({ alg: 'RS256', typ: 'JWT' }, claims, account.private_key)
    const body = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion })
    const response = await fetch(account.token_uri, { method: 'POST', body, signal: AbortSignal.timeout(TIMEOUT) })
    if (!response.ok) throw new Error(`the token service answered ${response.status}`)
    return (await response.json()).access_token
  })
  const url = `${env.FCM_URL ?? 'https://fcm.googleapis.com'}/v1/projects/${account.project_id}/messages:send`
  return async (token, data, ttl) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${await accessToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: { token, data, android: { priority: 'HIGH', ttl: `${ttl}s` } } }),
      signal: AbortSignal.timeout(TIMEOUT),
    })
    return response.status
  }
}

/**
 * A VoIP push, for which the app must report a call to CallKit at once: with the UUID `callId`; if `type` is not
 * `call.ringing`, it then ends that call.
 *
 * @returns {(token: string, data: Data) => Promise<number>}
 */
function apnsSender() {
  const privateKey = readFileSync(env.APNS_KEY ?? '', 'utf8')
  const providerToken = renewed(() =>
    jwt({ alg: 'ES256', kid: env.APNS_KEY_ID ?? '' }, { iss: env.APNS_TEAM_ID, iat: now() }, privateKey),
  )
  // A real relay keeps the connection; Apple limits how often one is opened.
  return async (token, data) => {
    const session = connect(env.APNS_URL ?? 'https://api.push.apple.com')
    try {
      const authorization = `bearer ${await providerToken()}`
      return await new Promise((resolve, reject) => {
        session.on('error', reject)
        const request = session.request({
          ':method': 'POST',
          ':path': `/3/device/${token}`,
          authorization,
          'apns-topic': `${env.APNS_BUNDLE_ID}.voip`,
          'apns-push-type': 'voip',
          'apns-priority': '10',
          // Now or never: a call that rang an hour ago must not ring.
          'apns-expiration': '0',
        })
        request.setTimeout(TIMEOUT, () => request.destroy(new Error('APNs did not answer')))
        request.on('response', (headers) => resolve(Number(headers[':status'])))
        request.on('error', reject)
        request.end(JSON.stringify(data))
      })
    } finally {
      session.close()
    }
  }
}

const senders = {
  fcm: env.FCM_ACCOUNT ? fcmSender() : undefined,
  apns: env.APNS_KEY ? apnsSender() : undefined,
}

/**
 * Sends a call to all phones of the called user.
 *
 * @param {string} type
 * @param {{ callId: string, callerId: string, calleeId: string, mediaType: string, deadline: string }} call
 */
async function ring(type, { callId, callerId, calleeId, mediaType, deadline }) {
  const left = Math.ceil((Date.parse(deadline) - Date.now()) / 1000)
  if (type === 'call.ringing' && left <= 0) return console.log(`${type} ${callId} is too late`)
  const data = { type, callId, callerId, calleeId, mediaType, deadline }
  const pushes = (devices[calleeId] ?? []).map(async ({ kind, token }) => {
    const status = await senders[kind]?.(token, data, Math.max(1, left))
    console.log(`${type} ${callId} ${kind} ${status ?? 'is not configured'}`)
    // 404 by FCM and 410 by APNs: delete the token. Anything temporary: the gateway sends the message again.
    if (status === 429 || (status ?? 0) >= 500) throw new Error(`${kind} answered ${status}`)
  })
  await Promise.all(pushes)
}

/**
 * The status of the response.
 *
 * @param {import('node:http').IncomingMessage} request
 */
async function receive(request) {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk
    if (body.length > BODY_MAX) return 413
  }
  if (!isGenuine(request.headers, body)) return 401
  const { type, data } = JSON.parse(body)
  // A repetition does no harm: it has the same callId.
  if (data.call) await ring(type, data.call)
  return 204
}

const server = createServer((request, response) => {
  receive(request).then(
    (status) => response.writeHead(status).end(),
    (error) => {
      console.log(error.message)
      response.writeHead(503).end()
    },
  )
})

server.listen(Number(env.PORT ?? 4000), '127.0.0.1', () => {
  const address = server.address()
  console.log(`listening on port ${typeof address === 'object' && address ? address.port : ''}`)
})
