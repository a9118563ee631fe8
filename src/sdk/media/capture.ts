import { RtcError } from '../errors.ts'
import { deviceError } from './device-error.ts'
import type { MediaSource } from './media.ts'

export const KIND_OF_SOURCE = { camera: 'video', microphone: 'audio', screen: 'video' } as const satisfies Record<
  MediaSource,
  'audio' | 'video'
>

/** 720p at 30 fps: enough for a face, and a phone can encode it once per peer of a mesh. */
const CAMERA: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }
const MICROPHONE: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }

/**
 * Opens a camera, a microphone, or the screen, window or tab that the user picks.
 *
 * @param deviceId - the device; by default the browser chooses
 * @throws RtcError DEVICE_DENIED, DEVICE_NOT_FOUND, DEVICE_FAILED, NOT_SUPPORTED
 */
export async function capture(source: MediaSource, deviceId?: string): Promise<MediaStreamTrack> {
  const devices = mediaDevices()
  try {
    const stream = await open(devices, source, deviceId)
    const [track] = stream.getTracks()
    if (!track) throw new RtcError('DEVICE_FAILED', `The ${source} delivers no track.`)
    return track
  } catch (error) {
    throw deviceError(error, source)
  }
}

/**
 * Lists cameras and microphones. Browsers reveal labels only after the user has allowed a device.
 *
 * @throws RtcError NOT_SUPPORTED
 */
export async function listDevices(): Promise<MediaDeviceInfo[]> {
  const devices = await mediaDevices().enumerateDevices()
  return devices.filter(({ kind }) => kind === 'audioinput' || kind === 'videoinput')
}

/** Whether a camera or microphone is plugged in; true if the browser cannot list devices. */
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

/** `mediaDevices` exists in secure contexts only: https://w3c.github.io/webappsec-secure-contexts/ */
function mediaDevices(): MediaDevices {
  const devices = (globalThis.navigator as Partial<Navigator> | undefined)?.mediaDevices
  if (devices) return devices
  throw new RtcError('NOT_SUPPORTED', 'Media devices are not available: the page needs https or localhost.')
}
