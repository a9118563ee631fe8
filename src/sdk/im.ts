// oxlint-disable-next-line typescript/triple-slash-reference -- an import would be part of the package
/// <reference path="./wukongimjssdk.d.ts" />
import type { DeviceFlag } from './model.ts'

/** The instant messaging server, WukongIM. */
export interface ImOptions {
  /** Its WebSocket address. */
  readonly wsUrl: string
  /** The kind of this device. */
  readonly deviceFlag: DeviceFlag
  /** The user's token at WukongIM. Defaults to `auth.token`. */
  readonly token?: string
  /**
   * The application's own `WKSDK.shared()` of the npm package `wukongimjssdk`, which the application connects itself. By
   * default, the package is loaded if it is installed, and connected while there is a listener for `incomingCall`.
   */
  readonly sdk?: WukongimSdk
}

/** What is used of `WKSDK.shared()`. */
export interface WukongimSdk {
  /** The settings of its connection. */
  readonly config: {
    /** The WebSocket address. */
    addr: string
    /** The user. */
    uid?: string
    /** The user's token at WukongIM. */
    token?: string
    /** The kind of device: 0 app, 1 web, 2 desktop. */
    deviceFlag: number
  }
  /** The connection, which reconnects by itself. */
  readonly connectManager: {
    /** Opens it. */
    connect(): void
    /** Closes it. */
    disconnect(): void
    /** Whether it is open. */
    connected(): boolean
  }
  /** The messages. */
  readonly chatManager: {
    /** Adds a listener for command messages. */
    addCMDListener(listener: (message: WukongimMessage) => void): void
    /** Removes it. */
    removeCMDListener(listener: (message: WukongimMessage) => void): void
  }
}

/** What is used of a command message. */
export interface WukongimMessage {
  /** Its content, with `cmd` and `param`. */
  readonly content: object
}

interface Dependencies {
  readonly options: ImOptions
  readonly uid: () => string
  readonly token: () => string
  /** A command that claims that a room rings for the user. */
  readonly onRing: (roomId: string) => void
  /** Loads the package. @default by its name */
  readonly load?: () => Promise<unknown>
}

/** A literal within a function that may fail, so that bundlers treat the package as optional. */
async function loadPackage(): Promise<unknown> {
  try {
    return (await import('wukongimjssdk')) as unknown
  } catch {
    return undefined
  }
}

/** The commands by which the gateway lets a call ring. */
const RINGS: readonly unknown[] = ['rtc.p2p.invoke', 'room.invoke']

const MISSING =
  '@openchat/sdk: incoming calls arrive through the gateway only, not through im.wsUrl: ' +
  'install the npm package wukongimjssdk, or pass im.sdk.'

/** The rings that arrive as command messages of WukongIM, between `start` and `stop`. */
export class ImRings {
  readonly #dependencies: Dependencies
  #loading: Promise<WukongimSdk | undefined> | undefined
  /** Undoes what the last `start` did. */
  #undo: (() => void) | undefined

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Never throws: without WukongIM, calls arrive through the gateway. */
  start(): void {
    let isStopped = false
    this.#undo = () => {
      isStopped = true
    }
    this.#loading ??= this.#load()
    this.#loading
      .then((sdk) => {
        if (sdk && !isStopped) this.#undo = this.#listen(sdk)
      })
      .catch((error: unknown) => console.warn('@openchat/sdk: wukongimjssdk failed:', error))
  }

  stop(): void {
    this.#undo?.()
    this.#undo = undefined
  }

  async #load(): Promise<WukongimSdk | undefined> {
    const { options, load = loadPackage } = this.#dependencies
    if (options.sdk) return options.sdk
    const sdk = sharedOf(await load())
    if (!sdk) console.warn(MISSING)
    return sdk
  }

  #listen(sdk: WukongimSdk): () => void {
    const { options, uid, token, onRing } = this.#dependencies
    const listener = ({ content }: WukongimMessage) => {
      const roomId = ringOf(content)
      if (roomId !== undefined) onRing(roomId)
    }
    sdk.chatManager.addCMDListener(listener)
    const connects = !options.sdk && !sdk.connectManager.connected()
    if (connects) {
      const { wsUrl: addr, deviceFlag } = options
      Object.assign(sdk.config, { addr, deviceFlag, uid: uid(), token: options.token ?? token() })
      sdk.connectManager.connect()
    }
    return () => {
      sdk.chatManager.removeCMDListener(listener)
      if (connects) sdk.connectManager.disconnect()
    }
  }
}

/** The room for which a command rings; undefined for any other command, and one that no gateway has sent. */
function ringOf(content: object): string | undefined {
  const { cmd, param } = content as { readonly cmd?: unknown; readonly param?: unknown }
  if (!RINGS.includes(cmd) || typeof param !== 'object' || param === null) return undefined
  const { room_id: roomId } = param as { readonly room_id?: unknown }
  return typeof roomId === 'string' && roomId !== '' ? roomId : undefined
}

/** `WKSDK.shared()`; bundlers and Node.js nest the default export differently. */
function sharedOf(exported: unknown): WukongimSdk | undefined {
  let value = exported
  for (let depth = 0; depth < 3 && (typeof value === 'object' || typeof value === 'function') && value; depth++) {
    if ('shared' in value && typeof value.shared === 'function') return (value.shared as () => WukongimSdk)()
    value = 'WKSDK' in value ? value.WKSDK : 'default' in value ? value.default : undefined
  }
  return undefined
}
