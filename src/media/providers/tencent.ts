import { text } from '../../core/variable.ts'
import { define, type Provider, UNREVOCABLE_TTL } from './provider.ts'

export interface TencentAccount {
  readonly sdkAppId: string
  readonly secret: string
}

/**
 * Tencent RTC: a UserSig, https://trtc.io/document/35166
 *
 * It identifies the user, but does not limit rooms or publishing.
 */
export const createTencent = ({ sdkAppId, secret }: TencentAccount): Provider => ({
  tokenTtl: UNREVOCABLE_TTL,
  async admit({ userId, ttl }) {
    const { Api } = await import('tls-sig-api-v2')
    return { appId: sdkAppId, url: null, token: new Api(Number(sdkAppId), secret).genUserSig(userId, ttl) }
  },
})

export const tencent = define({
  variables: { TENCENT_SDK_APP_ID: text.regex(/^[1-9]\d{0,9}$/, 'must be a number'), TENCENT_SECRET: text },
  secrets: ['TENCENT_SECRET'],
  create: (account): Provider =>
    createTencent({ sdkAppId: account.TENCENT_SDK_APP_ID, secret: account.TENCENT_SECRET }),
})
