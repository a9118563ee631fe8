import { RtcError } from '../errors.ts'
import { deviceError } from './device-error.ts'
import type { MediaSource } from './media.ts'

export const KIND_OF_SOURCE = { camera: 'video', microphone: 'audio', screen: 'video' } as const satisfies Record<
  MediaSource,
  'audio' | 'video'
>

/** Enough for a face, little enough for a mesh on a phone. */
const CAMERA: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }
const MICROPHONE: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }

/**
 * Opens a camera, a microphone, or what the user picks of the screen.
 *
 * @param deviceId - which one; by default the browser's choice
 * @throws RtcError DEVICE_DENIED, DEVICE_NOT_FOUND, DEVICE_FAILED, NOT_SUPPORTED
 */
export async function capture(source: MediaSource, deviceId?: string): Promise<MediaStreamTrack> {
  const devices = mediaDevices()
  try {
    const stream = await open(devices, source, deviceId)
    const [track] = stream.getTracks()
    if (!track) throw new RtcError('DEVICE_FAILED', `The ${source} gives nothing.`)
    return track
  } catch (error) {
    throw deviceError(error, source)
  }
}

/**
 * Cameras and microphones. Browsers tell their names when one of them has been allowed.
 *
 * @throws RtcError NOT_SUPPORTED
 */
export async function listDevices(): Promise<MediaDeviceInfo[]> {
  const devices = await mediaDevices().enumerateDevices()
  return devices.filter(({ kind }) => kind === 'audioinput' || kind === 'videoinput')
}

/** Whether a camera or microphone is plugged in; true where the browser does not say. */
export async function isPresent(deviceId: string): Promise<boolean> {
  const devices = await listDevices().catch(() => undefined)
  return devices?.some((device) => device.deviceId === deviceId) ?? true
}

function open(devices: MediaDevices, source: MediaSource, deviceId: string | undefined): Promise<MediaStream> {
  const device = deviceId === undefined ? {} : { deviceId: { exact: deviceId } }
  if (source === 'screen') return devices.getDisplayMedia({ video: true })
  return devices.getUserMedia(
    source === 'camera' ? { video: { ...CAMERA, ...device } } : { audio: { ...MICROPHONE, ...device } },
  )
}

/** Browsers hide it from pages that came without encryption: https://w3c.github.io/webappsec-secure-contexts/ */
function mediaDevices(): MediaDevices {
  const devices = (globalThis.navigator as Partial<Navigator> | undefined)?.mediaDevices
  if (devices) return devices
  throw new RtcError('NOT_SUPPORTED', 'There are no media devices here: a page needs https, or localhost.')
}
