import type { Config, Secrets } from '../../config.ts'
import type { MediaProvider } from '../../core/media-provider.ts'
import { createAgora } from './agora.ts'
import { createLivekit } from './livekit.ts'
import { type Provider, webrtc } from './provider.ts'
import { createTencent } from './tencent.ts'
import { createVolcengine } from './volcengine.ts'

export type Providers = Readonly<Partial<Record<MediaProvider, Provider>>>

/** Those that this gateway can let somebody in by. A provider's library is loaded by the first who is let in. */
export function configuredProviders(
  { volcengine, livekit, tencent, agora }: Config['media'],
  secrets: Secrets,
): Providers {
  const { volcengineAppKey: appKey, livekitApiSecret: apiSecret, tencentSecret: secret } = secrets
  const { agoraCertificate: certificate } = secrets
  return {
    webrtc,
    ...(volcengine && appKey && { volcengine: createVolcengine({ ...volcengine, appKey }) }),
    ...(livekit && apiSecret && { livekit: createLivekit({ ...livekit, apiSecret }) }),
    ...(tencent && secret && { tencent: createTencent({ ...tencent, secret }) }),
    ...(agora && certificate && { agora: createAgora({ ...agora, certificate }) }),
  }
}
