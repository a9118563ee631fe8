import type { IAgoraRTC } from 'agora-rtc-sdk-ng'
import { RtcError } from '../errors.ts'
import type { Connection } from '../model.ts'

/**
 * The vendors' web SDKs are optional peer dependencies, loaded when a room of theirs is joined and not before; where
 * they are not installed, the global that the vendor's script tag defines does. The specifiers are literal and the
 * imports stand inside `try`, which is how bundlers know that they may be missing.
 */
interface Vendor<Sdk extends object> {
  readonly packageName: string
  readonly globalName: string
  /** A function that only it has. */
  readonly marker: keyof Sdk
}

export type VolcengineSdk = (typeof import('@volcengine/rtc'))['default']
export type LivekitSdk = typeof import('livekit-client')

const VOLCENGINE: Vendor<VolcengineSdk> = {
  packageName: '@volcengine/rtc',
  globalName: 'VERTC',
  marker: 'createEngine',
}
const LIVEKIT: Vendor<LivekitSdk> = {
  packageName: 'livekit-client',
  globalName: 'LivekitClient',
  marker: 'Room',
}
const AGORA: Vendor<IAgoraRTC> = {
  packageName: 'agora-rtc-sdk-ng',
  globalName: 'AgoraRTC',
  marker: 'createClient',
}

/** @throws RtcError PROVIDER_SDK_MISSING, NOT_SUPPORTED */
export async function volcengineSdk(): Promise<VolcengineSdk> {
  try {
    return exportedBy(VOLCENGINE, await import('@volcengine/rtc'))
  } catch (error) {
    return fromScriptTag(VOLCENGINE, error)
  }
}

/** @throws RtcError PROVIDER_SDK_MISSING, NOT_SUPPORTED */
export async function livekitSdk(): Promise<LivekitSdk> {
  try {
    return exportedBy(LIVEKIT, await import('livekit-client'))
  } catch (error) {
    return fromScriptTag(LIVEKIT, error)
  }
}

/** @throws RtcError PROVIDER_SDK_MISSING, NOT_SUPPORTED */
export async function agoraSdk(): Promise<IAgoraRTC> {
  try {
    return exportedBy(AGORA, await import('agora-rtc-sdk-ng'))
  } catch (error) {
    return fromScriptTag(AGORA, error)
  }
}

/** One of the credentials that the gateway gives for this vendor. */
export function credential(connection: Connection, name: 'appId' | 'url' | 'token'): string {
  const value = connection[name]
  if (value === null)
    throw new RtcError('MEDIA_FAILED', `the gateway's connection to ${connection.provider} lacks ${name}`)
  return value
}

function exportedBy<Sdk extends object>(vendor: Vendor<Sdk>, exported: unknown): Sdk {
  const sdk = findSdk(vendor, exported)
  if (!sdk) throw new TypeError(`${vendor.packageName} does not export what it should`)
  return sdk
}

function fromScriptTag<Sdk extends object>(vendor: Vendor<Sdk>, error: unknown): Sdk {
  const sdk = findSdk(vendor, Reflect.get(globalThis, vendor.globalName))
  if (sdk) return sdk
  // It is installed, and has looked for a `window` where there is none.
  if (error instanceof Error && error.name === 'ReferenceError') {
    throw new RtcError('NOT_SUPPORTED', `${vendor.packageName} works in browsers only`, { cause: error })
  }
  throw new RtcError(
    'PROVIDER_SDK_MISSING',
    `install the npm package ${vendor.packageName}, or load the script that defines the global ${vendor.globalName}`,
    { cause: error },
  )
}

/** Bundlers and Node disagree on how deep the exports of a CommonJS module lie. */
function findSdk<Sdk extends object>(vendor: Vendor<Sdk>, exported: unknown): Sdk | undefined {
  let value = exported
  for (let depth = 0; depth < 3 && isObject(value); depth++) {
    if (isSdk(vendor, value)) return value
    value = 'default' in value ? value.default : undefined
  }
  return undefined
}

function isSdk<Sdk extends object>(vendor: Vendor<Sdk>, value: object): value is Sdk {
  return vendor.marker in value && typeof Reflect.get(value, vendor.marker) === 'function'
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' || typeof value === 'function') && value !== null
}
