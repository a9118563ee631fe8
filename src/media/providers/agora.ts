import { text } from '../../core/variable.ts'
import { define, type Provider } from './provider.ts'

export interface AgoraAccount {
  /** 32 hexadecimal digits, like the certificate; with any other value the library returns an empty token. */
  readonly appId: string
  readonly certificate: string
}

/**
 * Agora: an AccessToken2 (version 007), https://docs.agora.io/en/video-calling/token-authentication/deploy-token-server
 *
 * For a number and not for a user account, because Agora's room control and notifications identify users by numbers.
 */
export const createAgora = ({ appId, certificate }: AgoraAccount): Provider => ({
  async admit({ roomId, uid, mayPublish, ttl }) {
    const { default: agora } = await import('agora-token')
    const role = mayPublish ? agora.RtcRole.PUBLISHER : agora.RtcRole.SUBSCRIBER
    const token = agora.RtcTokenBuilder.buildTokenWithUid(appId, certificate, roomId, uid, role, ttl, ttl)
    return { appId, url: null, token, uid }
  },
})

const hexadecimal = text.regex(/^[0-9A-Fa-f]{32}$/, 'must have 32 hexadecimal digits')

export const agora = define({
  variables: { AGORA_APP_ID: hexadecimal, AGORA_CERTIFICATE: hexadecimal },
  secrets: ['AGORA_CERTIFICATE'],
  create: (account): Provider => createAgora({ appId: account.AGORA_APP_ID, certificate: account.AGORA_CERTIFICATE }),
})
