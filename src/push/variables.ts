import { z } from 'zod'
import { type Contradiction, isPublicUrl, list, type Values } from '../core/variable.ts'
import { type EndpointRules, PUSH_SERVICES } from './endpoint-rules.ts'
import { isPrivateKey, isPublicKey, isSubject, publicKeyOf, type VapidKeys } from './vapid.ts'

export interface PushConfig extends EndpointRules {
  /** Where pushes for apps are sent, a complete URL. Absent: nowhere. */
  readonly gatewayUrl: string | undefined
}

export interface PushSecrets {
  /** Absent: Web Push is off, except in development mode, which makes keys. */
  readonly vapid: VapidKeys | undefined
}

/** https://spec.matrix.org/latest/push-gateway-api/#post_matrixpushv1notify */
const NOTIFY_PATH = '/_matrix/push/v1/notify'

export const pushVariables = {
  VAPID_PUBLIC_KEY: z
    .string()
    .refine(isPublicKey, 'must be the base64url of an uncompressed P-256 public key, 65 bytes')
    .optional(),
  VAPID_PRIVATE_KEY: z
    .string()
    .refine(isPrivateKey, 'must be the base64url of a P-256 private key, 32 bytes')
    .optional(),
  VAPID_SUBJECT: z.string().refine(isSubject, 'must be mailto:operator@example.com or an https URL').optional(),
  PUSH_HOSTS: list(
    z
      .string()
      .regex(
        /^(\*|(\*\.)?[A-Za-z0-9][A-Za-z0-9.-]*)$/,
        'must be host names such as push.example.com, *.example.com or *',
      ),
  ),
  PUSH_ALLOW_PRIVATE: z.enum(['true', 'false']).default('false'),
  PUSH_GATEWAY_URL: z
    .string()
    .refine((value) => isPublicUrl(value, /^https?:$/), 'must be an http or https URL without credentials')
    .optional(),
}

type PushValues = Values<typeof pushVariables>

export const pushConfig = (env: PushValues): PushConfig => ({
  hosts: env.PUSH_HOSTS.length > 0 ? env.PUSH_HOSTS : PUSH_SERVICES,
  allowPrivate: env.PUSH_ALLOW_PRIVATE === 'true',
  gatewayUrl: env.PUSH_GATEWAY_URL === undefined ? undefined : notifyUrl(env.PUSH_GATEWAY_URL),
})

export function pushSecrets(env: PushValues): PushSecrets {
  const [publicKey, privateKey] = [unpadded(env.VAPID_PUBLIC_KEY), unpadded(env.VAPID_PRIVATE_KEY)]
  const { VAPID_SUBJECT: subject } = env
  return { vapid: publicKey && privateKey && subject ? { publicKey, privateKey, subject } : undefined }
}

/** Keys are accepted with padding, but browsers and push services refuse it. */
const unpadded = (key: string | undefined): string | undefined => key?.replace(/=+$/, '')

const VAPID = ['VAPID_PUBLIC_KEY', 'VAPID_PRIVATE_KEY', 'VAPID_SUBJECT'] as const

export function* pushContradictions(env: PushValues): Iterable<Contradiction> {
  const given = VAPID.filter((name) => env[name] !== undefined)
  if (given.length > 0) {
    for (const variable of VAPID) {
      if (env[variable] === undefined) yield { variable, message: `is required with ${given.join(' and ')}` }
    }
  }
  const { VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey } = env
  if (publicKey === undefined || privateKey === undefined || !isPublicKey(publicKey)) return
  const expected = publicKeyOf(privateKey)
  if (expected !== null && expected !== unpadded(publicKey)) {
    yield { variable: 'VAPID_PRIVATE_KEY', message: 'does not belong to VAPID_PUBLIC_KEY' }
  }
}

/** The URL of the gateway may be given with or without the path of the specification. */
function notifyUrl(text: string): string {
  const url = new URL(text)
  if (!url.pathname.endsWith(NOTIFY_PATH)) url.pathname = url.pathname.replace(/\/$/, '') + NOTIFY_PATH
  return url.href
}
