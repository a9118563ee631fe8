/** One server-sent event with parsed data. */
export interface Received {
  readonly id: string | undefined
  readonly event: string
  // Received data is untyped.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any
}

/** An open event stream. */
export interface Source {
  readonly status: number
  readonly headers: Headers
  /** The next event; undefined when the stream has ended. */
  next(): Promise<Received | undefined>
  /** The next `count` events, fewer if the stream ends. */
  take(count: number): Promise<Received[]>
  /** Closes the connection. */
  close(): void
  /** The body of a response that is not an event stream. */
  text(): Promise<string>
}

/** Opens an event stream with fetch; see https://html.spec.whatwg.org/multipage/server-sent-events.html. */
export async function openSource(
  url: string,
  init: Omit<RequestInit, 'headers'> & { token: string; headers?: Record<string, string> },
): Promise<Source> {
  const abort = new AbortController()
  const { token, ...request } = init
  const response = await fetch(url, {
    ...request,
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...request.headers },
    signal: abort.signal,
  })
  const events = response.headers.get('content-type')?.startsWith('text/event-stream') ? read(response) : undefined
  const next = async (): Promise<Received | undefined> => (await events?.next())?.value ?? undefined
  return {
    status: response.status,
    headers: response.headers,
    next,
    async take(count) {
      const taken: Received[] = []
      while (taken.length < count) {
        const event = await next()
        if (!event) break
        taken.push(event)
      }
      return taken
    },
    close: () => abort.abort(),
    text: () => response.text(),
  }
}

async function* read(response: Response): AsyncGenerator<Received, undefined> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = parse(text.slice(0, end))
      text = text.slice(end + 2)
      if (event) yield event
    }
  }
  return undefined
}

function parse(block: string): Received | undefined {
  const fields = new Map(
    block.split('\n').map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')] as const
    }),
  )
  const event = fields.get('event')
  if (event === undefined) return undefined
  const data = fields.get('data')
  return { id: fields.get('id'), event, data: data ? JSON.parse(data) : undefined }
}
