import { RtcError } from '../errors.ts'
import type { RTCProviderType } from '../model.ts'
import type { OpenMedia } from './media.ts'

/** Each engine is loaded on the first join of a room of its provider; null: its web SDK is not supported. */
const ENGINES: Readonly<Record<RTCProviderType, (() => Promise<OpenMedia>) | null>> = {
  webrtc: async () => (await import('./webrtc.ts')).openWebrtc,
  volcengine: async () => (await import('./volcengine.ts')).openVolcengine,
  livekit: async () => (await import('./livekit.ts')).openLivekit,
  tencent: null,
  agora: async () => (await import('./agora.ts')).openAgora,
}

/** @throws RtcError NOT_SUPPORTED */
export async function openMediaOf(provider: RTCProviderType): Promise<OpenMedia> {
  const load = ENGINES[provider]
  if (!load) throw new RtcError('NOT_SUPPORTED', `This package does not support the provider ${provider}.`)
  return load()
}
