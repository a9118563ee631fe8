import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jwtVerify } from 'jose'
import type { MediaService } from '../../../src/media/providers.ts'

/**
 * Doubles of the room control APIs of the media services, built from their documents. They verify every signature by a
 * computation of their own, and know who is in a room and who is banned from it.
 */

export const CONTROL_KEYS = {
  livekit: {
    LIVEKIT_CONTROL_API_KEY: 'APIcontrol',
    LIVEKIT_CONTROL_API_SECRET: 'the secret of the room service, 32 bytes',
  },
  volcengine: { VOLCENGINE_ACCESS_KEY: 'AKLTvolc', VOLCENGINE_SECRET_KEY: 'the secret key of Volcengine' },
  tencent: { TENCENT_SECRET_ID: 'AKIDtencent', TENCENT_SECRET_KEY: 'the secret key of Tencent Cloud' },
  agora: { AGORA_CUSTOMER_ID: 'customer', AGORA_CUSTOMER_SECRET: 'the secret of the Agora customer' },
} as const

/** One accepted call. */
export interface Call {
  readonly action: 'remove' | 'end' | 'lift' | 'look'
  readonly roomId: string
  readonly mediaId?: string
  /** Seconds; for LiveKit `true` if earlier tokens are revoked. */
  readonly ban?: number | boolean
}

interface Api {
  /** @throws Refusal */
  handle(request: ApiRequest, double: MediaServiceDouble): Promise<object>
}

interface ApiRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

class Refusal extends Error {
  readonly status: number
  readonly body: object
  constructor(status: number, body: object) {
    super(`${status}`)
    this.status = status
    this.body = body
  }
}

export class MediaServiceDouble {
  /** The accepted calls, in order. */
  readonly calls: Call[] = []
  /** When each user entered, by `roomId/mediaId`. */
  readonly present = new Map<string, Date>()
  /** Requests that arrived, accepted or not. */
  requests = 0
  /** The next requests are answered with these statuses. */
  failures: number[] = []
  /** Ids of rules that last, at Agora. */
  readonly rules = new Set<number>()
  readonly #server: Server

  private constructor(service: MediaService) {
    const api = APIS[service]
    this.#server = createServer((incoming, response) => {
      void (async () => {
        const chunks: Buffer[] = []
        for await (const chunk of incoming) chunks.push(chunk as Buffer)
        const { method = '', headers } = incoming
        const url = new URL(incoming.url ?? '/', `http://${headers.host}`)
        const reply = (status: number, body: object) => {
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
        }
        this.requests += 1
        const failure = this.failures.shift()
        if (failure !== undefined) return reply(failure, { message: 'try again' })
        try {
          const body = Buffer.concat(chunks).toString()
          return reply(200, await api.handle({ method, url, headers, body }, this))
        } catch (error) {
          return error instanceof Refusal ? reply(error.status, error.body) : reply(500, { error: String(error) })
        }
      })()
    })
  }

  static async start(service: MediaService): Promise<MediaServiceDouble> {
    const double = new MediaServiceDouble(service)
    await new Promise<void>((resolve) => double.#server.listen(0, '127.0.0.1', resolve))
    return double
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  enter(roomId: string, mediaId: string, at = new Date()): void {
    this.present.set(`${roomId}/${mediaId}`, at)
  }

  isPresent(roomId: string, mediaId: string): boolean {
    return this.present.has(`${roomId}/${mediaId}`)
  }

  /** @returns whether the user, or anybody, was in the room */
  drop(roomId: string, mediaId?: string): boolean {
    if (mediaId !== undefined) return this.present.delete(`${roomId}/${mediaId}`)
    const keys = [...this.present.keys()].filter((key) => key.startsWith(`${roomId}/`))
    for (const key of keys) this.present.delete(key)
    return keys.length > 0
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** The variables that make the gateway use the double. */
export const controlEnv = (service: MediaService, { url }: MediaServiceDouble): Record<string, string> => ({
  ...CONTROL_KEYS[service],
  [`${service.toUpperCase()}_API_URL`]: url,
})

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** Verifies a signature of the kind of AWS's version 4. */
function requireSignature(
  { method, url, headers, body }: ApiRequest,
  {
    algorithm,
    keyId,
    secret,
    time,
    scope,
  }: { algorithm: string; keyId: string; secret: string; time: string; scope: [string, ...string[]] },
): void {
  const pattern = new RegExp(`^${algorithm} Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$`)
  const [, credential, names = '', signature] = pattern.exec(headers.authorization ?? '') ?? []
  let canonical = `${method}\n${url.pathname}\n${url.search.slice(1).split('&').toSorted().join('&')}\n`
  for (const name of names.split(';')) canonical += `${name}:${String(headers[name]).trim()}\n`
  canonical += `\n${names}\n${sha256(body)}`
  let key: string | Buffer = secret
  for (const part of scope) key = hmac(key, part)
  const expected = hmac(key, `${algorithm}\n${time}\n${scope.join('/')}\n${sha256(canonical)}`).toString('hex')
  const hostIsSigned = names.split(';').includes('host')
  if (credential !== `${keyId}/${scope.join('/')}` || signature !== expected || !hostIsSigned) {
    throw new Refusal(401, { message: 'the signature does not match' })
  }
}

const APIS: Record<MediaService, Api> = {
  livekit: {
    async handle({ url, headers, body }, double) {
      const token = headers.authorization?.replace(/^Bearer /, '') ?? ''
      const { LIVEKIT_CONTROL_API_KEY: issuer, LIVEKIT_CONTROL_API_SECRET: secret } = CONTROL_KEYS.livekit
      const { payload } = await jwtVerify<{ video: Record<string, unknown> }>(token, new TextEncoder().encode(secret), {
        issuer,
        algorithms: ['HS256'],
      }).catch(() => {
        throw new Refusal(401, { code: 'unauthenticated', msg: 'invalid token' })
      })
      const { room, identity, revokeTokenTs } = JSON.parse(body) as Record<string, string>
      const roomId = room ?? ''
      const method = url.pathname.replace('/twirp/livekit.RoomService/', '')
      const { video } = payload
      const mayAdminister = video['roomAdmin'] === true && video['room'] === roomId
      if (!(method === 'DeleteRoom' ? video['roomCreate'] === true : mayAdminister)) {
        throw new Refusal(403, { code: 'permission_denied', msg: 'permissions denied' })
      }
      const notFound = new Refusal(404, { code: 'not_found', msg: 'requested room does not exist' })
      const mediaId = identity ?? ''
      if (method === 'DeleteRoom') {
        double.calls.push({ action: 'end', roomId })
        if (!double.drop(roomId)) throw notFound
        return {}
      }
      if (method === 'RemoveParticipant') {
        double.calls.push({ action: 'remove', roomId, mediaId, ban: revokeTokenTs !== undefined })
        if (!double.drop(roomId, mediaId)) throw notFound
        return {}
      }
      if (method === 'ListParticipants') {
        double.calls.push({ action: 'look', roomId })
        const keys = [...double.present].filter(([key]) => key.startsWith(`${roomId}/`))
        const participants = keys.map(([key, at]) => ({
          sid: `PA_${at.getTime()}`,
          identity: key.slice(roomId.length + 1),
          joinedAtMs: String(at.getTime()),
        }))
        return { participants: [...participants, { sid: 'PA_agent', identity: 'agent', kind: 'AGENT' }] }
      }
      if (method !== 'GetParticipant') throw new Refusal(404, { code: 'bad_route', msg: method })
      double.calls.push({ action: 'look', roomId, mediaId })
      const joinedAt = double.present.get(`${roomId}/${mediaId}`)?.getTime()
      if (joinedAt === undefined) throw notFound
      const joined = { joinedAt: String(Math.floor(joinedAt / 1000)), joinedAtMs: String(joinedAt) }
      return { sid: 'PA_1', identity, state: 'ACTIVE', ...joined }
    },
  },

  volcengine: {
    async handle(request, double) {
      const { url, headers, body } = request
      const time = String(headers['x-date'])
      if (!/^\d{8}T\d{6}Z$/.test(time) || headers['x-content-sha256'] !== sha256(body)) {
        throw new Refusal(400, { ResponseMetadata: { Error: { Code: 'InvalidAuthorization' } } })
      }
      requireSignature(request, {
        algorithm: 'HMAC-SHA256',
        keyId: CONTROL_KEYS.volcengine.VOLCENGINE_ACCESS_KEY,
        secret: CONTROL_KEYS.volcengine.VOLCENGINE_SECRET_KEY,
        time,
        scope: [time.slice(0, 8), 'cn-north-1', 'rtc', 'request'],
      })
      const { AppId, RoomId = '', UserId, ForbiddenInterval = 0 } = JSON.parse(body) as Record<string, string>
      if (AppId?.length !== 24) throw new Refusal(400, { ResponseMetadata: { Error: { Code: 'InvalidParameter' } } })
      const action = url.searchParams.get('Action')
      const user = { roomId: RoomId, ...(UserId !== undefined && { mediaId: UserId }) }
      if (action === 'UpdateBanRoomUserRule') double.calls.push({ action: 'lift', ...user })
      else if (action !== 'BanRoomUser')
        throw new Refusal(404, { ResponseMetadata: { Error: { Code: 'InvalidAction' } } })
      else {
        double.drop(RoomId, UserId)
        double.calls.push({ action: UserId === undefined ? 'end' : 'remove', ...user, ban: Number(ForbiddenInterval) })
      }
      return {
        ResponseMetadata: { Action: action, Version: url.searchParams.get('Version') },
        Result: { message: 'success' },
      }
    },
  },

  tencent: {
    async handle(request, double) {
      const { headers, body } = request
      const time = String(headers['x-tc-timestamp'])
      const error = (Code: string) => new Refusal(200, { Response: { Error: { Code, Message: Code }, RequestId: '1' } })
      try {
        requireSignature(request, {
          algorithm: 'TC3-HMAC-SHA256',
          keyId: CONTROL_KEYS.tencent.TENCENT_SECRET_ID,
          secret: `TC3${CONTROL_KEYS.tencent.TENCENT_SECRET_KEY}`,
          time,
          scope: [new Date(Number(time) * 1000).toISOString().slice(0, 10), 'trtc', 'tc3_request'],
        })
      } catch {
        throw error('AuthFailure.SignatureFailure')
      }
      if (headers['x-tc-version'] !== '2019-07-22' || !headers['x-tc-region']) throw error('MissingParameter')
      const { SdkAppId, RoomId, UserIds } = JSON.parse(body) as {
        SdkAppId: unknown
        RoomId: string
        UserIds?: string[]
      }
      if (typeof SdkAppId !== 'number' || typeof RoomId !== 'string') throw error('InvalidParameter')
      if (headers['x-tc-action'] === 'DismissRoomByStrRoomId') {
        double.calls.push({ action: 'end', roomId: RoomId })
        if (!double.drop(RoomId)) throw error('FailedOperation.RoomNotExist')
      } else if (headers['x-tc-action'] === 'RemoveUserByStrRoomId' && UserIds && UserIds.length <= 10) {
        for (const mediaId of UserIds) {
          double.calls.push({ action: 'remove', roomId: RoomId, mediaId })
          double.drop(RoomId, mediaId)
        }
      } else throw error('InvalidAction')
      return { Response: { RequestId: '1' } }
    },
  },

  agora: {
    async handle({ method, url, headers, body }, double) {
      const { AGORA_CUSTOMER_ID: id, AGORA_CUSTOMER_SECRET: secret } = CONTROL_KEYS.agora
      if (headers.authorization !== `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`) {
        throw new Refusal(401, { message: 'Invalid authentication credentials' })
      }
      if (url.pathname !== '/dev/v1/kicking-rule') throw new Refusal(404, { message: 'no route' })
      const rule = JSON.parse(body) as Record<string, unknown>
      if (method === 'DELETE') {
        if (!double.rules.delete(Number(rule['id']))) throw new Refusal(404, { message: 'rule not found' })
        double.calls.push({ action: 'lift', roomId: '' })
        return { status: 'success', id: rule['id'] }
      }
      const { cname, uid, time_in_seconds: time, privileges } = rule
      const isUser = uid === undefined || (Number.isInteger(uid) && uid !== 0)
      if (!isUser || typeof cname !== 'string' || JSON.stringify(privileges) !== '["join_channel"]') {
        throw new Refusal(400, { message: 'invalid parameter' })
      }
      const mediaId = typeof uid === 'number' ? String(uid) : undefined
      double.drop(cname, mediaId)
      const action = mediaId === undefined ? 'end' : 'remove'
      double.calls.push({ action, roomId: cname, ...(mediaId !== undefined && { mediaId }), ban: Number(time) })
      const ruleId = 1953 + double.calls.length
      if (Number(time) > 0) double.rules.add(ruleId)
      return { status: 'success', id: ruleId }
    },
  },
}
