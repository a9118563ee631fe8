import { type ClientErrorCode, RtcError, toRtcError } from '../errors.ts'
import type { MediaSource } from './media.ts'

/**
 * Names of the DOMExceptions of getUserMedia and getDisplayMedia.
 * @see https://www.w3.org/TR/mediacapture-streams/#dom-mediadevices-getusermedia
 */
const CODE_OF_NAME: ReadonlyMap<string, ClientErrorCode> = new Map([
  ['NotAllowedError', 'DEVICE_DENIED'],
  ['SecurityError', 'DEVICE_DENIED'],
  // The picker of a screen opens only out of a user's gesture.
  ['InvalidStateError', 'DEVICE_DENIED'],
  ['NotFoundError', 'DEVICE_NOT_FOUND'],
  // A `deviceId` that has gone is a constraint that nothing satisfies.
  ['OverconstrainedError', 'DEVICE_NOT_FOUND'],
  ['NotReadableError', 'DEVICE_FAILED'],
  ['AbortError', 'DEVICE_FAILED'],
  ['NotSupportedError', 'NOT_SUPPORTED'],
])

const MESSAGE_OF_CODE: Partial<Record<ClientErrorCode, (source: MediaSource) => string>> = {
  DEVICE_DENIED: (source) => `the user or the browser does not allow the ${source}`,
  DEVICE_NOT_FOUND: (source) => `there is no such ${source}`,
  DEVICE_FAILED: (source) => `the ${source} cannot be opened; another program may have it`,
  NOT_SUPPORTED: (source) => `this environment cannot capture the ${source}`,
}

/**
 * What went wrong with opening a device, as a coded error: DEVICE_DENIED, DEVICE_NOT_FOUND, DEVICE_FAILED or
 * NOT_SUPPORTED by the name of the browser's error, otherwise MEDIA_FAILED. What is coded already stays as it is.
 */
export function deviceError(error: unknown, source: MediaSource): RtcError {
  return codedDeviceError(CODE_OF_NAME.get(nameOf(error)), error, source)
}

/** The same, for one who knows the code already; `undefined` is MEDIA_FAILED. */
export function codedDeviceError(code: ClientErrorCode | undefined, error: unknown, source: MediaSource): RtcError {
  if (error instanceof RtcError) return error
  const message = code && MESSAGE_OF_CODE[code]?.(source)
  if (!code || !message) return toRtcError(error, 'MEDIA_FAILED', `the ${source} cannot be published`)
  return new RtcError(code, message, { cause: error })
}

// By name and not by class: an error may come from another realm, or from a vendor that copies it.
function nameOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'name' in error ? String(error.name) : ''
}
