import { text } from '../../core/variable.ts'
import { define } from '../providers/provider.ts'
import { type ApiResponse, callApi, clamp, type MediaUser, refused, type RoomControl } from './control.ts'
import { authorizationOf, sha256 } from './sign.ts'
import { apiUrl } from './variables.ts'

export interface VolcengineControlAccount {
  readonly url: string
  readonly region: string
  readonly appId: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

const VERSION = '2023-11-01'
/** Seconds that a ban may last; BytePlus adapts other values by itself. */
const BAN = { min: 10, max: 604_800 }
/** Codes of calls above the permitted rate, which do not all have the status 429. */
const OVERLOADED = /Limit|Throttl|TooMany/
const JSON_TYPE = 'application/json'

/**
 * Volcengine's BanRoomUser: https://www.volcengine.com/docs/6348/1188353
 *
 * A ban of a user who is not in the room is no error, and neither is a repetition.
 */
export function createVolcengineControl(account: VolcengineControlAccount, now = () => new Date()): RoomControl {
  const { appId } = account
  const call = async (action: string, parameters: Readonly<Record<string, string | number>>): Promise<void> => {
    const url = new URL(account.url)
    url.search = new URLSearchParams({ Action: action, Version: VERSION }).toString()
    const body = JSON.stringify({ AppId: appId, ...parameters })
    const response = await callApi(url, { method: 'POST', body, headers: sign(account, { url, body, at: now() }) })
    const code = errorOf(response)
    if (response.status !== 200 || code !== undefined)
      throw refused('Volcengine', response, OVERLOADED.test(code ?? ''))
  }
  const ban = (user: { readonly RoomId: string; readonly UserId?: string }, seconds: number) =>
    call('BanRoomUser', { ...user, ForbiddenInterval: clamp(seconds, BAN) })

  return {
    async remove(user, options) {
      await ban(nameOf(user), options.ban)
      return options.ban > 0 ? '' : null
    },
    end: (roomId, options) => ban({ RoomId: roomId }, options.ban),
    lift: (user) => call('UpdateBanRoomUserRule', { ...nameOf(user), ForbiddenInterval: 0 }),
  }
}

const nameOf = ({ roomId, mediaId }: MediaUser) => ({ RoomId: roomId, UserId: mediaId })

function sign(
  { region, accessKeyId, secretAccessKey }: VolcengineControlAccount,
  { url, body, at }: { url: URL; body: string; at: Date },
): Record<string, string> {
  const timestamp = `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
  const headers = { 'content-type': JSON_TYPE, 'x-content-sha256': sha256(body), 'x-date': timestamp }
  const authorization = authorizationOf({
    url,
    headers,
    body,
    algorithm: 'HMAC-SHA256',
    accessKeyId,
    secret: secretAccessKey,
    timestamp,
    scope: [timestamp.slice(0, 8), region, 'rtc', 'request'],
  })
  return { ...headers, authorization }
}

/** The code of an error, which may come with status 200. */
function errorOf({ body }: ApiResponse): string | undefined {
  const { ResponseMetadata: metadata } = (body ?? {}) as { ResponseMetadata?: { Error?: { Code?: string } } }
  return metadata?.Error && (metadata.Error.Code ?? '')
}

export const volcengineControl = define({
  variables: { VOLCENGINE_ACCESS_KEY: text, VOLCENGINE_SECRET_KEY: text },
  options: {
    VOLCENGINE_API_URL: apiUrl.optional(),
    VOLCENGINE_REGION: text.optional(),
  },
  uses: ['VOLCENGINE_APP_ID'],
  secrets: ['VOLCENGINE_SECRET_KEY'],
  create: (settings): RoomControl =>
    createVolcengineControl({
      url: settings.VOLCENGINE_API_URL ?? 'https://rtc.volcengineapi.com',
      region: settings.VOLCENGINE_REGION ?? 'cn-north-1',
      appId: settings.VOLCENGINE_APP_ID,
      accessKeyId: settings.VOLCENGINE_ACCESS_KEY,
      secretAccessKey: settings.VOLCENGINE_SECRET_KEY,
    }),
})
