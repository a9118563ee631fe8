import type { createClient, SubscribePayload } from 'graphql-ws'

/** Options that the gateway passes to the page as JSON in its element `#options`. */
export interface PageOptions {
  /** The GraphQL path, relative to the page. */
  readonly path: string
  /** The base URL of the assets, relative to the page, with a trailing slash. */
  readonly assets: string
  /** The initial tabs at the first visit. */
  readonly examples: readonly Tab[]
  /** The headers of a new tab, as JSON. */
  readonly headers: string
  /** Development tokens by user, newly signed for every page load; empty outside development mode. */
  readonly tokens: Readonly<Record<string, string>>
}

export interface Tab {
  readonly id?: string
  readonly query: string | null
  /** As JSON. */
  variables: string | null
  /** As JSON. */
  readonly headers: string | null
}

/**
 * The script that runs in the browser after GraphiQL and graphql-ws were loaded. It consists of the source text of the
 * functions and classes below, so they may use only each other, the page's globals and imported types.
 */
export const pageScript = (): string => `(() => {
${[TabStore, Stream, Streams, startGraphiQL].join('\n')}
startGraphiQL()
})()`

// Types of the globals in use: the gateway compiles without the DOM library.
declare const document: {
  getElementById(id: string): { textContent: string }
  querySelector(selector: string): { click(): void } | null
}
declare const location: { href: string }
declare const localStorage: {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}
declare const graphqlWs: { createClient: typeof createClient }
declare const YogaGraphiQL: { renderYogaGraphiQL(element: unknown, props: object): void }

type Headers = Record<string, string>
type Operation = SubscribePayload & { query: string }
interface Observer {
  next(shown: unknown): void
  complete(): void
}

/** Stores tabs between visits, without tokens. Its keys have a prefix, because the origin may host other GraphiQLs. */
class TabStore {
  readonly #prefix = 'rtc-gateway:'
  readonly #tokens: PageOptions['tokens']

  constructor(tokens: PageOptions['tokens']) {
    this.#tokens = tokens
  }

  /** Stores a placeholder for each development token; stores no headers outside development mode. */
  save(tabs: readonly Tab[]): void {
    const isDevelopment = Object.keys(this.#tokens).length > 0
    const stored = tabs.map(({ query, variables, headers }) => ({
      query,
      variables,
      headers: isDevelopment ? headers : null,
    }))
    let text = JSON.stringify(stored)
    for (const [user, token] of Object.entries(this.#tokens)) text = text.replaceAll(token, this.#placeholder(user))
    localStorage.setItem(`${this.#prefix}tabs`, text)
  }

  /** Loads the tabs and replaces the placeholders by current tokens. */
  load(): readonly Tab[] {
    let text = localStorage.getItem(`${this.#prefix}tabs`) ?? '[]'
    for (const [user, token] of Object.entries(this.#tokens)) text = text.replaceAll(this.#placeholder(user), token)
    return JSON.parse(text) as Tab[]
  }

  /** A storage for GraphiQL that keeps only its appearance: GraphiQL would store tokens with its tabs. */
  forGraphiQL() {
    const keyOf = (key: string) => (/:(theme|visiblePlugin|\w+Flex)$/.test(key) ? this.#prefix + key : undefined)
    return {
      length: 0,
      getItem: (key: string) => (keyOf(key) ? localStorage.getItem(this.#prefix + key) : null),
      setItem: (key: string, value: string) => keyOf(key) && localStorage.setItem(this.#prefix + key, value),
      removeItem: (key: string) => localStorage.removeItem(this.#prefix + key),
      clear: () => {
        for (const key of Object.keys(localStorage)) if (key.startsWith(this.#prefix)) localStorage.removeItem(key)
      },
    }
  }

  #placeholder(user: string): string {
    return `<token of ${user}>`
  }
}

/** A subscription on a socket of its own, with its latest messages. */
class Stream {
  /** Present while the tab of the stream is open. */
  observer: Observer | undefined
  /** The user has switched to another tab. */
  hidden = false
  readonly stop: () => void
  readonly #messages: unknown[] = []
  #ended = false

  constructor(url: string, operation: Operation, headers: Headers) {
    const client = graphqlWs.createClient({ url: url.replace(/^http/, 'ws'), connectionParams: headers })
    this.stop = client.subscribe(operation, {
      next: (message) => this.#add(message),
      error: (error) => {
        const { message = 'The socket was closed.', code, reason } = error as Partial<Error & CloseEvent>
        this.#ended = true
        this.#add({ errors: Array.isArray(error) ? error : [{ message, code, reason }] })
      },
      complete: () => {
        this.#ended = true
        this.show()
      },
    })
  }

  #add(message: unknown): void {
    this.#messages.unshift(message)
    this.#messages.splice(100)
    this.show()
  }

  show(): void {
    if (this.#messages.length > 0) this.observer?.next({ newestFirst: this.#messages })
    if (this.#ended) this.observer?.complete()
  }
}
interface CloseEvent {
  readonly code: number
  readonly reason: string
}

/**
 * Subscriptions by tab. GraphiQL unsubscribes when the user leaves a tab; this class keeps the subscription open. When the
 * user returns to the tab, it clicks the execute button to show the subscription again.
 */
class Streams {
  readonly #url: string
  readonly #byTab = new Map<string, Stream>()
  #active = ''
  #changes = 0
  #resuming = false

  constructor(url: string) {
    this.#url = url
  }

  /** The observable of a subscription that is shown again; undefined if the execute button starts an operation. */
  resumed() {
    return this.#resuming ? this.#observe(this.#active) : undefined
  }

  start(operation: Operation, headers: Headers) {
    this.stop(this.#active)
    this.#byTab.set(this.#active, new Stream(this.#url, operation, headers))
    return this.#observe(this.#active)
  }

  stop(tab = this.#active): void {
    this.#byTab.get(tab)?.stop()
    this.#byTab.delete(tab)
  }

  tabsChanged(ids: ReadonlySet<string>, active: string): void {
    this.#changes += 1
    for (const tab of this.#byTab.keys()) if (!ids.has(tab)) this.stop(tab)
    if (active !== this.#active) this.#hide(this.#byTab.get(this.#active))
    this.#active = active
    const stream = this.#byTab.get(active)
    if (!stream?.hidden) return
    stream.hidden = false
    // Wait until GraphiQL has rendered the tab.
    setTimeout(() => {
      if (this.#byTab.get(this.#active) !== stream) return
      this.#resuming = true
      document.querySelector('.graphiql-execute-button')?.click()
      this.#resuming = false
    })
  }

  /** GraphiQL does not unsubscribe when it opens a new tab, and would write the messages into the new tab. */
  #hide(stream: Stream | undefined): void {
    if (!stream?.observer) return
    stream.hidden = true
    stream.observer.complete()
    stream.observer = undefined
  }

  #observe(tab: string) {
    const stream = this.#byTab.get(tab)
    return {
      subscribe: (observer: Observer) => {
        if (stream) stream.observer = observer
        // Deferred, because GraphiQL does not have the subscription yet.
        queueMicrotask(() => stream?.show())
        return { unsubscribe: () => stream && this.#unsubscribe(tab, stream) }
      },
    }
  }

  /** Stops the stream after the stop button, but not after a switch of tabs, which also calls `tabsChanged`. */
  #unsubscribe(tab: string, stream: Stream): void {
    stream.observer = undefined
    stream.hidden = true
    const changes = this.#changes
    queueMicrotask(() => {
      if (this.#changes === changes) this.stop(tab)
    })
  }
}

function startGraphiQL(): void {
  const options = JSON.parse(document.getElementById('options').textContent) as PageOptions
  const url = new URL(options.path, location.href).href
  const store = new TabStore(options.tokens)
  const streams = new Streams(url)
  const development = Object.keys(options.tokens).length > 0
  let [tabs, active]: [readonly Tab[], Tab | undefined] = [[], undefined]

  function onTabChange(state: { tabs: readonly Tab[]; activeTabIndex: number }): void {
    ;[tabs, active] = [state.tabs, state.tabs[state.activeTabIndex]]
    store.save(tabs)
    streams.tabsChanged(new Set(tabs.map(({ id }) => id ?? '')), active?.id ?? '')
  }

  /** Sets the variable `$roomId` in every other tab that uses it. */
  function fillInRoomId(roomId: string): void {
    for (const tab of tabs) {
      if (tab === active || !/\$roomId\b/.test(tab.query ?? '')) continue
      try {
        const variables = JSON.parse(tab.variables || '{}') as object
        tab.variables = JSON.stringify({ ...variables, roomId }, null, 2)
      } catch {
        // Leave incomplete JSON unchanged.
      }
    }
    store.save(tabs)
  }

  async function send(operation: Operation, headers: Headers): Promise<unknown> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(operation),
    })
    const result = (await response.json()) as { data?: { createRoom?: { room?: { id?: string } } } }
    const roomId = result.data?.createRoom?.room?.id
    if (roomId !== undefined) fillInRoomId(roomId)
    return result
  }

  function introspect(operation: Operation, headers: Headers | undefined): Promise<unknown> {
    // The first introspection may run before the Headers editor exists.
    const sent = headers ?? (JSON.parse(options.headers) as Headers)
    if (!Object.values(sent).some((value) => value.includes('<'))) return send(operation, sent)
    return Promise.reject(
      new Error('Put your token into Headers, then re-fetch the schema with the arrows at the bottom left.'),
    )
  }

  function fetcher({ query, variables, operationName }: Operation, { headers }: { headers?: Headers } = {}) {
    if (operationName === 'IntrospectionQuery') return introspect({ query, operationName }, headers)
    const resumed = streams.resumed()
    if (resumed) return resumed
    streams.stop()
    // After a switch of tabs, GraphiQL's operationName may still be that of the previous tab; its query text is current.
    const operations = [...query.matchAll(/^\s*(query|mutation|subscription)\b\s*(\w*)/gm)]
    const [, kind, name] = operations.find(([, , named]) => named === operationName) ?? operations[0] ?? []
    const operation = { query, variables: variables ?? {}, ...(name && { operationName: name }) }
    return kind === 'subscription' ? streams.start(operation, headers ?? {}) : send(operation, headers ?? {})
  }

  const stored = store.load()
  const defaultTabs = stored.length > 0 ? stored : options.examples
  Object.assign(globalThis, {
    MonacoEnvironment: {
      getWorkerUrl: (_module: string, label: string) => new URL(`${options.assets}${label}.js`, location.href).href,
    },
  })
  YogaGraphiQL.renderYogaGraphiQL(document.getElementById('root'), {
    title: 'RTC gateway',
    logo: '',
    fetcher,
    storage: store.forGraphiQL(),
    defaultTabs,
    onTabChange,
    // The default would write the operation into the URL, where it persists after the tab is closed.
    onEditQuery: () => undefined,
    defaultHeaders: options.headers,
    initialHeaders: defaultTabs[0]?.headers ?? options.headers,
    initialVariables: defaultTabs[0]?.variables ?? '',
    shouldPersistHeaders: false,
    defaultEditorToolsVisibility: development ? 'variables' : 'headers',
    visiblePlugin: 'Documentation Explorer',
  })
}
