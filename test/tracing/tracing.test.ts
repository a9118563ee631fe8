import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { describe, expect, test, vi } from 'vitest'
import { tracingTo } from '../../src/tracing/tracing.ts'
import { openPeer } from '../peer.ts'
import { PRIVATE_ENV, privateCall } from '../private-call.ts'
import { startGateway, withPreparedData } from '../process.ts'
import { take, withWorld, type World } from '../world.ts'
import { type ReceivedSpan, withCollector } from './collector.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`
const NOT_SAMPLED = `00-${TRACE}-b7ad6b7169203331-00`

/** The spans of a gateway's work, and all that the collector has received. */
async function traced(
  work: (world: World) => Promise<void>,
  env: Record<string, string> = {},
): Promise<{ spans: readonly ReceivedSpan[]; text: string }> {
  let received: { spans: readonly ReceivedSpan[]; text: string } = { spans: [], text: '' }
  await withCollector(async (collector) => {
    const exporter = new OTLPTraceExporter({ url: `${collector.url}/v1/traces` })
    const tracing = tracingTo(exporter, 'rtc-gateway')
    await withWorld(work, { env, dependencies: { tracing } })
    await tracing.close()
    received = { spans: collector.spans(), text: collector.text() }
  })
  return received
}

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const span = spans.find((each) => each.name === name)
  if (!span) throw new Error(`no span ${name} among ${spans.map((each) => each.name).join(', ')}`)
  return span
}
const childOf = (spans: readonly ReceivedSpan[], { traceId, spanId }: ReceivedSpan): ReceivedSpan[] =>
  spans.filter((span) => span.traceId === traceId && span.parentSpanId === spanId)

const START = { type: 'group', access: 'link' }

describe('a REST request', () => {
  test('continues the trace of its traceparent: request → command → SQL and delivery', async () => {
    let roomId = ''
    const { spans } = await traced(async ({ alice, bob }) => {
      const { body } = await alice.rest('POST', '/rooms', START)
      roomId = body.id
      const updates = alice.subscribe('subscription($id: ID!) { roomUpdated(roomId: $id) { seq } }', { id: roomId })
      await take(updates, 1)
      await bob.rest('POST', `/rooms/${roomId}/join`, {}, { traceparent: TRACEPARENT, 'x-request-id': 'mine' })
      await take(updates, 1)
    })
    const request = named(
      spans.filter(({ traceId }) => traceId === TRACE),
      'POST /im/api/v1/rtc/rooms/:id/join',
    )
    expect(request).toMatchObject({
      parentSpanId: 'b7ad6b7169203331',
      kind: 2,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/im/api/v1/rtc/rooms/:id/join',
        'http.response.status_code': 200,
        'user.id': 'bob',
        'rtc.request.id': 'mine',
      },
    })
    const [command] = childOf(spans, request)
    expect(command).toMatchObject({
      name: 'command join',
      attributes: { 'rtc.room.id': roomId, 'rtc.command.outcome': 'ok', 'user.id': 'bob' },
    })
    const names = command ? childOf(spans, command).map(({ name }) => name) : []
    expect(names.toSorted()).toEqual(['UPDATE "Room"', 'deliver roomUpdated'])
    expect(named(spans, 'UPDATE "Room"').attributes).toMatchObject({ 'db.system.name': 'postgresql' })
  })

  test('whose traceparent is not sampled is not recorded', async () => {
    const { spans } = await traced(async ({ alice }) => {
      await alice.rest('POST', '/rooms', START, { traceparent: NOT_SAMPLED })
      await alice.rest('GET', '/rooms')
    })
    expect(spans.map(({ name }) => name)).toEqual(['GET /im/api/v1/rtc/rooms'])
  })
})

describe('an operation', () => {
  test('over HTTP adds its type and name to the span of the request', async () => {
    const { spans } = await traced(async ({ alice }) => {
      await alice.graphql('mutation Start($input: CreateRoomInput!) { createRoom(input: $input) { room { id } } }', {
        input: { type: 'GROUP' },
      })
    })
    const request = named(spans, 'POST /graphql')
    expect(request.attributes).toMatchObject({
      'graphql.operation.type': 'mutation',
      'graphql.operation.name': 'Start',
      'rtc.graphql.field': 'createRoom',
    })
    expect(childOf(spans, request).map(({ name }) => name)).toEqual(['command create'])
    expect(childOf(spans, named(spans, 'command create')).map(({ name }) => name)).toEqual(['INSERT "Room"'])
  })

  test('over a WebSocket continues the trace of extensions.traceparent', async () => {
    const { spans } = await traced(async ({ alice, url }) => {
      const { body } = await alice.rest('POST', '/rooms', START)
      const peer = await openPeer(url, { token: alice.token })
      const query = `mutation { endRoom(input: { roomId: "${body.id}" }) { room { id } } }`
      peer.send({ id: '1', type: 'subscribe', payload: { query, extensions: { traceparent: TRACEPARENT } } })
      await peer.receive()
      peer.socket.close()
    })
    const operation = named(
      spans.filter(({ traceId }) => traceId === TRACE),
      'mutation',
    )
    expect(operation).toMatchObject({
      parentSpanId: 'b7ad6b7169203331',
      attributes: { 'network.protocol.name': 'websocket', 'rtc.graphql.field': 'endRoom' },
    })
    expect(childOf(spans, operation).map(({ name }) => name)).toEqual(['command end'])
  })
})

test('a statement that writes the commands of several requests is linked with each of them', async () => {
  const { spans } = await traced(async ({ alice, person }) => {
    const { body } = await alice.rest('POST', '/rooms', { ...START, maxParticipants: 24 })
    const people = await Promise.all(Array.from({ length: 24 }, (_, index) => person(`user-${index}`)))
    // The joins that arrive while the first one is written share the next statement.
    await Promise.all(people.map((user) => user.rest('POST', `/rooms/${body.id}/join`, {})))
  })
  const shared = spans.filter(({ name, links }) => name === 'UPDATE "Room"' && links.length > 1)
  expect(shared.length).toBeGreaterThan(0)
  for (const statement of shared) {
    expect(statement.parentSpanId ?? '').toBe('')
    for (const link of statement.links) {
      const command = spans.find(({ spanId }) => spanId === link.spanId)
      expect(command?.name).toBe('command join')
      expect(command?.links.map(({ spanId }) => spanId)).toContain(statement.spanId)
    }
  }
})

test('no span of a full call contains a token, an SDP, metadata or a credential', async () => {
  let secrets: readonly string[] = []
  const { spans, text } = await traced(async (world) => {
    secrets = await privateCall(world)
  }, PRIVATE_ENV)
  expect(spans.length).toBeGreaterThan(20)
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
})

test('a collector that cannot be reached is logged, and does not make the stop fail', async () => {
  await withPreparedData(async (DATA_DIR) => {
    // Port 9 discards; nothing listens on it.
    const gateway = await startGateway({ DATA_DIR, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })
    await fetch(`${gateway.url}/im/api/v1/rtc/rooms`)
    expect(await gateway.stop('SIGTERM')).toBe(0)
    expect(gateway.output()).toContain('"msg":"spans cannot be exported"')
  })
})

test('the built gateway exports by the standard variables, and what is left when it stops', async () => {
  await withCollector(async ({ url, spans, resource }) => {
    await withPreparedData(async (DATA_DIR) => {
      const gateway = await startGateway({
        DATA_DIR,
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_SERVICE_NAME: 'calls',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      })
      await fetch(`${gateway.url}/health/ready`)
      await fetch(`${gateway.url}/im/api/v1/rtc/rooms`)
      await gateway.stop('SIGTERM')
      await vi.waitFor(() => expect(spans().map(({ name }) => name)).toEqual(['GET /im/api/v1/rtc/rooms']))
      expect(resource()).toMatchObject({ 'service.name': 'calls', 'deployment.environment.name': 'test' })
    })
  })
})
