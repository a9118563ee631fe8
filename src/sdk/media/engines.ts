import { RtcError } from '../errors.ts'
import type { RTCProviderType } from '../model.ts'
import type { OpenMedia } from './media.ts'

/** Each engine is loaded on the first join of a room of its provider. */
const ENGINES: Readonly<Partial<Record<RTCProviderType, () => Promise<OpenMedia>>>> = {
  webrtc: async () => (await import('./webrtc.ts')).openWebrtc,
  volcengine: async () => (await import('./volcengine.ts')).openVolcengine,
  livekit: async () => (await import('./livekit.ts')).openLivekit,
  agora: async () => (await import('./agora.ts')).openAgora,
}

/** @throws RtcError NOT_SUPPORTED */
export async function openMediaOf(provider: RTCProviderType): Promise<OpenMedia> {
  const load = ENGINES[provider]
  if (!load) throw new RtcError('NOT_SUPPORTED', `This package does not support the provider ${provider}.`)
  return load()
}
