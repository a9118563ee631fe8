import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { type Contradiction, list, text, type Values } from '../core/variable.ts'
import { isSecret, signingKeyOf } from './signature.ts'
import { problemOfUrl, type UrlRules } from './url-rules.ts'

export interface WebhookConfig extends UrlRules {
  /** Endpoints of the configuration, which receive messages of all types. */
  readonly urls: readonly string[]
}

export interface WebhookSecrets {
  /** Sign messages for the endpoints of the configuration: the current one first, then the previous one. */
  readonly webhookSecrets: readonly string[] | undefined
  /** Additionally signs all messages. */
  readonly webhookKey: KeyObject | undefined
}

const SECRET_RULE = 'must be whsec_ and the base64 of 24 to 64 random bytes; at most two, the current one first'

export const webhookVariables = {
  WEBHOOK_URLS: list(text),
  WEBHOOK_SECRET: list(z.string().refine(isSecret, SECRET_RULE)).refine(({ length }) => length <= 2, SECRET_RULE),
  WEBHOOK_SIGNING_KEY: z
    .string()
    .refine((value) => signingKeyOf(value) !== null, 'must be whsk_ and the base64 of an ed25519 private key')
    .optional(),
  WEBHOOK_HOSTS: list(
    z
      .string()
      .regex(/^(\*\.)?[A-Za-z0-9][A-Za-z0-9.-]*$/, 'must be host names such as hooks.example.com or *.example.com'),
  ),
  WEBHOOK_ALLOW_PRIVATE: z.enum(['true', 'false']).default('false'),
}

type WebhookValues = Values<typeof webhookVariables>

/** In production only hosts that the configuration names are allowed. */
export function webhookConfig(env: WebhookValues, { production }: { readonly production: boolean }): WebhookConfig {
  const named = [
    ...env.WEBHOOK_HOSTS,
    ...env.WEBHOOK_URLS.filter((url) => URL.canParse(url)).map((url) => new URL(url).hostname),
  ]
  return {
    urls: env.WEBHOOK_URLS,
    hosts: production || env.WEBHOOK_HOSTS.length > 0 ? named : undefined,
    allowPrivate: env.WEBHOOK_ALLOW_PRIVATE === 'true',
  }
}

export const webhookSecrets = (env: WebhookValues): WebhookSecrets => ({
  webhookSecrets: env.WEBHOOK_SECRET.length > 0 ? env.WEBHOOK_SECRET : undefined,
  webhookKey: env.WEBHOOK_SIGNING_KEY === undefined ? undefined : (signingKeyOf(env.WEBHOOK_SIGNING_KEY) ?? undefined),
})

export function* webhookContradictions(env: WebhookValues): Iterable<Contradiction> {
  if (env.WEBHOOK_URLS?.length > 0 && env.WEBHOOK_SECRET?.length === 0) {
    yield { variable: 'WEBHOOK_SECRET', message: 'is required with WEBHOOK_URLS' }
  }
  for (const url of env.WEBHOOK_URLS ?? []) {
    const problem = problemOfUrl(url, { allowPrivate: env.WEBHOOK_ALLOW_PRIVATE === 'true', hosts: undefined })
    if (problem) yield { variable: 'WEBHOOK_URLS', message: `each URL ${problem}` }
  }
}
