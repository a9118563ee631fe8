import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A span as OTLP encodes it in JSON. */
export interface ReceivedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
}

interface Payload {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly EncodedSpan[] }[]
  }[]
}
interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}
type EncodedSpan = Omit<ReceivedSpan, 'attributes' | 'links'> & {
  readonly attributes: readonly Attribute[]
  readonly links?: ReceivedSpan['links']
}

/** A collector on loopback that keeps what it receives over OTLP/HTTP in JSON. */
export async function withCollector(
  work: (collector: {
    readonly url: string
    /** The bodies of all requests. */
    text(): string
    spans(): readonly ReceivedSpan[]
    /** Attributes of the resource. */
    resource(): Readonly<Record<string, unknown>>
  }) => Promise<void>,
): Promise<void> {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      bodies.push(body)
      response.setHeader('content-type', 'application/json').end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const resources = () => bodies.flatMap((body) => (JSON.parse(body) as Payload).resourceSpans)
  try {
    await work({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      text: () => bodies.join('\n'),
      spans: () => resources().flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(decoded))),
      resource: () => valuesOf(resources()[0]?.resource.attributes ?? []),
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const decoded = ({ attributes, links = [], ...span }: EncodedSpan): ReceivedSpan => ({
  ...span,
  attributes: valuesOf(attributes),
  links,
})

const valuesOf = (attributes: readonly Attribute[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
