import { text } from '../../core/variable.ts'
import { define } from '../providers/provider.ts'
import { callApi, ControlError, isRetriable, type RoomControl, TOO_MANY } from './control.ts'
import { authorizationOf } from './sign.ts'
import { apiUrl } from './variables.ts'

export interface TencentControlAccount {
  readonly url: string
  readonly region: string
  readonly sdkAppId: string
  readonly secretId: string
  readonly secretKey: string
}

const VERSION = '2019-07-22'
const JSON_TYPE = 'application/json; charset=utf-8'

/** Error codes of a room or a user that is gone already. */
const GONE = /(Room|User)NotExist/
/** Error codes after which the call may succeed: overload, a failure of the service, credentials to be corrected. */
const RETRIABLE =
  /^(RequestLimitExceeded|InternalError|AuthFailure|UnauthorizedOperation|FailedOperation|ResourceUnavailable)/

/**
 * Tencent RTC's room control: https://trtc.io/document/39630
 *
 * It does not ban: until a UserSig expires, it admits its user again. Rooms have ids that are strings; clients enter them by
 * `strRoomId`.
 */
export function createTencentControl(account: TencentControlAccount, now = () => new Date()): RoomControl {
  const { region, sdkAppId } = account
  const call = async (action: string, parameters: Readonly<Record<string, unknown>>): Promise<void> => {
    const url = new URL(account.url)
    const body = JSON.stringify({ SdkAppId: Number(sdkAppId), ...parameters })
    const timestamp = String(Math.floor(now().getTime() / 1000))
    const headers = {
      'content-type': JSON_TYPE,
      authorization: sign(account, { url, body, timestamp }),
      'x-tc-action': action,
      'x-tc-version': VERSION,
      'x-tc-region': region,
      'x-tc-timestamp': timestamp,
    }
    const response = await callApi(url, { method: 'POST', body, headers })
    const { Response: answer } = (response.body ?? {}) as { Response?: { Error?: { Code: string; Message: string } } }
    const error = answer?.Error
    if (response.status === 200 && answer && !error) return
    if (error && GONE.test(error.Code)) return
    const retriable = error ? RETRIABLE.test(error.Code) : response.status === 200 || isRetriable(response.status)
    const reason = error ? `${error.Code}: ${error.Message}` : `status ${response.status}`
    const overloaded = error?.Code.startsWith('RequestLimitExceeded') ?? response.status === TOO_MANY
    throw new ControlError(`Tencent Cloud refused ${action}: ${reason}`, { retriable, overloaded })
  }

  return {
    async remove({ roomId, mediaId }) {
      await call('RemoveUserByStrRoomId', { RoomId: roomId, UserIds: [mediaId] })
      return null
    },
    end: (roomId) => call('DismissRoomByStrRoomId', { RoomId: roomId }),
  }
}

/** TC3-HMAC-SHA256: https://www.tencentcloud.com/document/api/213/33224 */
const sign = (
  { secretId, secretKey }: TencentControlAccount,
  { url, body, timestamp }: { url: URL; body: string; timestamp: string },
): string =>
  authorizationOf({
    url,
    headers: { 'content-type': JSON_TYPE },
    body,
    algorithm: 'TC3-HMAC-SHA256',
    accessKeyId: secretId,
    secret: `TC3${secretKey}`,
    timestamp,
    scope: [new Date(Number(timestamp) * 1000).toISOString().slice(0, 10), 'trtc', 'tc3_request'],
  })

export const tencentControl = define({
  variables: { TENCENT_SECRET_ID: text, TENCENT_SECRET_KEY: text },
  options: {
    TENCENT_API_URL: apiUrl.optional(),
    TENCENT_REGION: text.optional(),
  },
  uses: ['TENCENT_SDK_APP_ID'],
  secrets: ['TENCENT_SECRET_KEY'],
  create: (settings): RoomControl =>
    createTencentControl({
      url: settings.TENCENT_API_URL ?? 'https://trtc.tencentcloudapi.com',
      region: settings.TENCENT_REGION ?? 'ap-guangzhou',
      sdkAppId: settings.TENCENT_SDK_APP_ID,
      secretId: settings.TENCENT_SECRET_ID,
      secretKey: settings.TENCENT_SECRET_KEY,
    }),
})
