import { AGORA } from './providers/agora.ts'
import { LIVEKIT } from './providers/livekit.ts'
import { TENCENT } from './providers/tencent.ts'
import { VOLCENGINE } from './providers/volcengine.ts'

/** The accounts of all media services. */
export const ACCOUNTS = {
  VOLCENGINE_APP_ID: VOLCENGINE.appId,
  VOLCENGINE_APP_KEY: VOLCENGINE.appKey,
  LIVEKIT_URL: LIVEKIT.url,
  LIVEKIT_API_KEY: LIVEKIT.apiKey,
  LIVEKIT_API_SECRET: LIVEKIT.apiSecret,
  TENCENT_SDK_APP_ID: TENCENT.sdkAppId,
  TENCENT_SECRET: TENCENT.secret,
  AGORA_APP_ID: AGORA.appId,
  AGORA_CERTIFICATE: AGORA.certificate,
}
