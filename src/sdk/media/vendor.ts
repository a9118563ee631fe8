import type { IVERTC } from '@volcengine/rtc'
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
  is(value: object): value is Sdk
}

export type LivekitSdk = typeof import('livekit-client')

const VOLCENGINE: Vendor<IVERTC> = {
  packageName: '@volcengine/rtc',
  globalName: 'VERTC',
  is: (value): value is IVERTC => 'createEngine' in value,
}
const LIVEKIT: Vendor<LivekitSdk> = {
  packageName: 'livekit-client',
  globalName: 'LivekitClient',
  is: (value): value is LivekitSdk => 'Room' in value,
}
const AGORA: Vendor<IAgoraRTC> = {
  packageName: 'agora-rtc-sdk-ng',
  globalName: 'AgoraRTC',
  is: (value): value is IAgoraRTC => 'createClient' in value,
}

/** @throws RtcError PROVIDER_SDK_MISSING, NOT_SUPPORTED */
export async function volcengineSdk(): Promise<IVERTC> {
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
  const sdk = find(vendor, exported)
  if (!sdk) throw new TypeError(`${vendor.packageName} does not export what it should`)
  return sdk
}

function fromScriptTag<Sdk extends object>(vendor: Vendor<Sdk>, error: unknown): Sdk {
  const sdk = find(vendor, Reflect.get(globalThis, vendor.globalName))
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
function find<Sdk extends object>(vendor: Vendor<Sdk>, exported: unknown): Sdk | undefined {
  let value = exported
  for (let depth = 0; depth < 3 && isObject(value); depth++) {
    if (vendor.is(value)) return value
    value = 'default' in value ? value.default : undefined
  }
  return undefined
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' || typeof value === 'function') && value !== null
}
