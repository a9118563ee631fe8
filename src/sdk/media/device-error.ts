import { type ClientErrorCode, RtcError, toRtcError } from '../errors.ts'
import type { MediaSource } from './media.ts'

/**
 * Error codes by the name of the DOMException that getUserMedia or getDisplayMedia throws.
 * @see https://www.w3.org/TR/mediacapture-streams/#dom-mediadevices-getusermedia
 */
const CODE_OF_NAME: ReadonlyMap<string, ClientErrorCode> = new Map([
  ['NotAllowedError', 'DEVICE_DENIED'],
  ['SecurityError', 'DEVICE_DENIED'],
  // getDisplayMedia requires a user gesture.
  ['InvalidStateError', 'DEVICE_DENIED'],
  ['NotFoundError', 'DEVICE_NOT_FOUND'],
  // The `deviceId` constraint names a device that is gone.
  ['OverconstrainedError', 'DEVICE_NOT_FOUND'],
  ['NotReadableError', 'DEVICE_FAILED'],
  ['AbortError', 'DEVICE_FAILED'],
  ['NotSupportedError', 'NOT_SUPPORTED'],
])

const MESSAGE_OF_CODE: Partial<Record<ClientErrorCode, (source: MediaSource) => string>> = {
  DEVICE_DENIED: (source) => `the user or the browser denied access to the ${source}`,
  DEVICE_NOT_FOUND: (source) => `the ${source} was not found`,
  DEVICE_FAILED: (source) => `the ${source} cannot be opened; another program may be using it`,
  NOT_SUPPORTED: (source) => `this environment cannot capture the ${source}`,
}

/**
 * Converts an error of opening a device: DEVICE_DENIED, DEVICE_NOT_FOUND, DEVICE_FAILED or NOT_SUPPORTED by the name of
 * the browser's error, otherwise MEDIA_FAILED. Returns an RtcError unchanged.
 */
export function deviceError(error: unknown, source: MediaSource): RtcError {
  return codedDeviceError(CODE_OF_NAME.get(nameOf(error)), error, source)
}

/** As {@link deviceError}, with a code that the caller knows; `undefined` means MEDIA_FAILED. */
export function codedDeviceError(code: ClientErrorCode | undefined, error: unknown, source: MediaSource): RtcError {
  if (error instanceof RtcError) return error
  const message = code && MESSAGE_OF_CODE[code]?.(source)
  if (!code || !message) return toRtcError(error, 'MEDIA_FAILED', `the ${source} cannot be published`)
  return new RtcError(code, message, { cause: error })
}

// By name instead of `instanceof`: the error may come from another realm, or be a vendor's copy.
function nameOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'name' in error ? String(error.name) : ''
}
