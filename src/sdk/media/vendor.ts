import type { IAgoraRTC } from 'agora-rtc-sdk-ng'
import { RtcError } from '../errors.ts'
import type { Connection } from '../model.ts'

/**
 * A vendor's web SDK: an optional peer dependency, loaded when a room of that vendor is joined. If it is not installed,
 * the global that the vendor's script tag defines is used. The import specifiers are literals inside `try` blocks, so
 * that bundlers treat them as optional.
 */
interface Vendor<Sdk extends object> {
  readonly packageName: string
  readonly globalName: string
  /** The name of a function that identifies the SDK. */
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

/** Reads one credential of the connection. @throws RtcError MEDIA_FAILED if the gateway did not send it */
export function credential(connection: Connection, name: 'appId' | 'url' | 'token'): string {
  const value = connection[name]
  if (value === null)
    throw new RtcError('MEDIA_FAILED', `the gateway's connection to ${connection.provider} lacks ${name}`)
  return value
}

/** The number to join with at a provider that identifies users by numbers. @throws RtcError MEDIA_FAILED */
export function numericId({ provider, uid }: Connection): number {
  if (uid === null) throw new RtcError('MEDIA_FAILED', `the gateway's connection to ${provider} lacks uid`)
  return uid
}

function exportedBy<Sdk extends object>(vendor: Vendor<Sdk>, exported: unknown): Sdk {
  const sdk = findSdk(vendor, exported)
  if (!sdk) throw new TypeError(`${vendor.packageName} does not export ${String(vendor.marker)}`)
  return sdk
}

function fromScriptTag<Sdk extends object>(vendor: Vendor<Sdk>, error: unknown): Sdk {
  const sdk = findSdk(vendor, Reflect.get(globalThis, vendor.globalName))
  if (sdk) return sdk
  // The package is installed but needs a `window`, which does not exist here.
  if (error instanceof Error && error.name === 'ReferenceError') {
    throw new RtcError('NOT_SUPPORTED', `${vendor.packageName} works in browsers only`, { cause: error })
  }
  throw new RtcError(
    'PROVIDER_SDK_MISSING',
    `install the npm package ${vendor.packageName}, or load the script that defines the global ${vendor.globalName}`,
    { cause: error },
  )
}

/** Unwraps nested `default` exports: bundlers and Node.js nest the exports of a CommonJS module differently. */
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
