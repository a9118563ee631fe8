import { text } from '../../core/variable.ts'
import { define } from '../providers/provider.ts'
import { callApi, clamp, refused, type RoomControl } from './control.ts'
import { apiUrl } from './variables.ts'

export interface AgoraControlAccount {
  readonly url: string
  readonly appId: string
  readonly customerId: string
  readonly customerSecret: string
}

/** Seconds that a rule may last. */
const BAN = { min: 10, max: 86_430 }
/** Milliseconds. Agora advises 20 s, since a rule whose id got lost cannot be lifted. */
const TIMEOUT = 20_000

/** Agora's banning rules: https://docs.agora.io/en/api-reference/api-ref/rtc/create-ban-rule */
export function createAgoraControl({ url, appId, customerId, customerSecret }: AgoraControlAccount): RoomControl {
  const authorization = `Basic ${Buffer.from(`${customerId}:${customerSecret}`).toString('base64')}`
  const call = (method: string, rule: Readonly<Record<string, unknown>>) =>
    callApi(new URL('/dev/v1/kicking-rule', url), {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ appid: appId, ...rule }),
      timeout: TIMEOUT,
    })

  /** @returns the id of the rule, if it lasts */
  const ban = async (who: { readonly cname: string; readonly uid?: number }, seconds: number) => {
    const time = clamp(seconds, BAN)
    const rule = { ...who, ip: '', time_in_seconds: time, privileges: ['join_channel'] }
    const response = await call('POST', rule)
    const { id } = (response.body ?? {}) as { id?: number }
    if (response.status !== 200) throw refused('Agora', response)
    return time > 0 && id !== undefined ? String(id) : null
  }

  return {
    remove: ({ roomId, mediaId }, options) => ban({ cname: roomId, uid: Number(mediaId) }, options.ban),
    async end(roomId, options) {
      await ban({ cname: roomId }, options.ban)
    },
    async lift(_user, id) {
      const response = await call('DELETE', { id: Number(id) })
      // An expired rule does not exist any more.
      if (response.status !== 200 && response.status !== 404) throw refused('Agora', response)
    },
  }
}

export const agoraControl = define({
  variables: { AGORA_CUSTOMER_ID: text, AGORA_CUSTOMER_SECRET: text },
  options: { AGORA_API_URL: apiUrl.optional() },
  uses: ['AGORA_APP_ID'],
  secrets: ['AGORA_CUSTOMER_SECRET'],
  create: (settings): RoomControl =>
    createAgoraControl({
      url: settings.AGORA_API_URL ?? 'https://api.agora.io',
      appId: settings.AGORA_APP_ID,
      customerId: settings.AGORA_CUSTOMER_ID,
      customerSecret: settings.AGORA_CUSTOMER_SECRET,
    }),
})
