import type { createClient, SubscribePayload } from 'graphql-ws'

/** What the gateway hands to the page, as JSON in its element `#options`. */
export interface PageOptions {
  /** The GraphQL path, relative to the page. */
  readonly path: string
  /** Where the assets are, relative to the page, with a slash at the end. */
  readonly assets: string
  /** The tabs of somebody who has none yet. */
  readonly examples: readonly Tab[]
  /** Headers, in JSON, of a new tab. */
  readonly headers: string
  /** Development tokens by user, fresh with every page; none without development mode. */
  readonly tokens: Readonly<Record<string, string>>
}

export interface Tab {
  readonly id?: string
  readonly query: string | null
  /** In JSON. */
  variables: string | null
  /** In JSON. */
  readonly headers: string | null
}

/**
 * The script that runs in the browser when GraphiQL and graphql-ws are there. Everything below is sent as its own source
 * text, so it may use the page's globals and itself, and of imports only types.
 */
export const pageScript = (): string => `(() => {
${[TabStore, Stream, Streams, startGraphiQL].join('\n')}
startGraphiQL()
})()`

// The globals that are used, typed here: the gateway itself compiles without those of a browser.
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

/** Keeps tabs between visits, but no tokens: they expire. Its own keys, for other GraphiQLs may live on this origin. */
class TabStore {
  readonly #prefix = 'rtc-gateway:'
  readonly #tokens: PageOptions['tokens']

  constructor(tokens: PageOptions['tokens']) {
    this.#tokens = tokens
  }

  /** A development token is kept as its user's name, any other not at all. */
  save(tabs: readonly Tab[]): void {
    const developing = Object.keys(this.#tokens).length > 0
    const kept = tabs.map(({ query, variables, headers }) => ({
      query,
      variables,
      headers: developing ? headers : null,
    }))
    let text = JSON.stringify(kept)
    for (const [user, token] of Object.entries(this.#tokens)) text = text.replaceAll(token, this.#placeholder(user))
    localStorage.setItem(`${this.#prefix}tabs`, text)
  }

  /** The tabs with today's tokens. */
  load(): readonly Tab[] {
    let text = localStorage.getItem(`${this.#prefix}tabs`) ?? '[]'
    for (const [user, token] of Object.entries(this.#tokens)) text = text.replaceAll(this.#placeholder(user), token)
    return JSON.parse(text) as Tab[]
  }

  /** The storage for GraphiQL itself, which gets to keep its looks: it would keep tokens along with its tabs. */
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

/** A subscription on a socket of its own, with its latest messages and perhaps somebody who looks at them. */
class Stream {
  observer: Observer | undefined
  /** Its tab was left while it ran. */
  left = false
  readonly stop: () => void
  readonly #messages: unknown[] = []
  #over = false

  constructor(url: string, operation: Operation, headers: Headers) {
    const client = graphqlWs.createClient({ url: url.replace(/^http/, 'ws'), connectionParams: headers })
    this.stop = client.subscribe(operation, {
      next: (message) => this.#add(message),
      error: (error) => {
        const { message = 'The socket was closed.', code, reason } = error as Partial<Error & CloseEvent>
        this.#over = true
        this.#add({ errors: Array.isArray(error) ? error : [{ message, code, reason }] })
      },
      complete: () => {
        this.#over = true
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
    if (this.#over) this.observer?.complete()
  }
}
interface CloseEvent {
  readonly code: number
  readonly reason: string
}

/**
 * Subscriptions by tab. GraphiQL ends one when its tab is left; here it goes on, and when the tab is opened again, the
 * run button is pressed for the user and shows it.
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

  /** What GraphiQL is to observe because the tab's subscription was found running, not because it was to be started. */
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
    if (active !== this.#active) this.#leave(this.#byTab.get(this.#active))
    this.#active = active
    const stream = this.#byTab.get(active)
    if (!stream?.left) return
    stream.left = false
    // GraphiQL has yet to show the tab.
    setTimeout(() => {
      if (this.#byTab.get(this.#active) !== stream) return
      this.#resuming = true
      document.querySelector('.graphiql-execute-button')?.click()
      this.#resuming = false
    })
  }

  /** GraphiQL opens a new tab without unsubscribing, and would go on to write into that one. */
  #leave(stream: Stream | undefined): void {
    if (!stream?.observer) return
    stream.left = true
    stream.observer.complete()
    stream.observer = undefined
  }

  #observe(tab: string) {
    const stream = this.#byTab.get(tab)
    return {
      subscribe: (observer: Observer) => {
        if (stream) stream.observer = observer
        // Not at once: GraphiQL does not hold its subscription yet.
        queueMicrotask(() => stream?.show())
        return { unsubscribe: () => stream && this.#unsubscribe(tab, stream) }
      },
    }
  }

  /** The stop button ends the stream; a tab that is left, or pressed again, changes the tabs in the same turn. */
  #unsubscribe(tab: string, stream: Stream): void {
    stream.observer = undefined
    stream.left = true
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

  /** Tells the new room to every tab with a variable of that name. */
  function fillIn(roomId: string): void {
    for (const tab of tabs) {
      if (tab === active || !/\$roomId\b/.test(tab.query ?? '')) continue
      try {
        const variables = JSON.parse(tab.variables || '{}') as object
        tab.variables = JSON.stringify({ ...variables, roomId }, null, 2)
      } catch {
        // What the user has half written is left as it is.
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
    if (roomId !== undefined) fillIn(roomId)
    return result
  }

  function introspect(operation: Operation, headers: Headers | undefined): Promise<unknown> {
    // The first time it may run before the Headers editor is there.
    const sent = headers ?? (JSON.parse(options.headers) as Headers)
    if (!Object.values(sent).some((value) => value.includes('<'))) return send(operation, sent)
    return Promise.reject(new Error('Put your token into Headers, then re-fetch the schema: arrows, bottom left.'))
  }

  function fetcher({ query, variables, operationName }: Operation, { headers }: { headers?: Headers } = {}) {
    if (operationName === 'IntrospectionQuery') return introspect({ query, operationName }, headers)
    const resumed = streams.resumed()
    if (resumed) return resumed
    streams.stop()
    // GraphiQL's own idea of the operation lags behind a change of tabs; its text does not.
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
    // The default puts the operation into the address, where it outlives the tab.
    onEditQuery: () => undefined,
    defaultHeaders: options.headers,
    initialHeaders: defaultTabs[0]?.headers ?? options.headers,
    initialVariables: defaultTabs[0]?.variables ?? '',
    shouldPersistHeaders: false,
    defaultEditorToolsVisibility: development ? 'variables' : 'headers',
    visiblePlugin: 'Documentation Explorer',
  })
}
