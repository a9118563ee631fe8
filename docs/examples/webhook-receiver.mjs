// A receiver of webhooks without dependencies: verifies each signature, ignores repetitions, prints the rest.
//
//   SECRET=whsec_… PORT=4000 node webhook-receiver.mjs

import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

/** Seconds by which the time of an attempt may differ from this clock. */
const TOLERANCE = 300
const BODY_MAX = 64 * 1024
/** Messages whose ids are remembered. A real receiver stores them with its own data, in one transaction. */
const SEEN_MAX = 10_000

const key = Buffer.from((process.env.SECRET ?? '').replace(/^whsec_/, ''), 'base64')
/** @type {Set<string>} */
const seen = new Set()

/**
 * Whether a secret of this endpoint has signed the message. The body must be the bytes as received.
 *
 * @param {import('node:http').IncomingHttpHeaders} headers
 * @param {string} body
 */
function isGenuine(headers, body) {
  const id = String(headers['webhook-id'])
  const timestamp = Number(headers['webhook-timestamp'])
  if (!(Math.abs(Date.now() / 1000 - timestamp) <= TOLERANCE)) return false
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest()
  // During a rotation there are several signatures.
  return String(headers['webhook-signature'])
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice(3), 'base64'))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected))
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
  const id = String(request.headers['webhook-id'])
  if (!seen.has(id)) {
    seen.add(id)
    const [oldest] = seen
    if (seen.size > SEEN_MAX && oldest) seen.delete(oldest)
    const { type, data } = JSON.parse(body)
    console.log(`${type} ${data.roomId} ${data.seq}`)
  }
  return 204
}

// Answer quickly, and do long work afterwards: an attempt is given up after 15 s.
const server = createServer((request, response) => {
  receive(request).then(
    (status) => response.writeHead(status).end(),
    () => response.destroy(),
  )
})

server.listen(Number(process.env.PORT ?? 4000), '127.0.0.1', () => {
  const address = server.address()
  console.log(`listening on port ${typeof address === 'object' && address ? address.port : ''}`)
})
