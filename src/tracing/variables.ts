import { z } from 'zod'
import { count, text, url, type Values } from '../core/variable.ts'

/** How spans are exported: https://opentelemetry.io/docs/specs/otel/protocol/exporter/. The SDK reads the other variables. */
export interface TracingConfig {
  readonly protocol: 'http/protobuf' | 'http/json'
  readonly serviceName: string
  /** Milliseconds for one export, with its retries. */
  readonly timeout: number
}

const endpoint = url(/^https?:\/\/./, 'http://collector:4318').optional()

export const tracingVariables = {
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'must be otlp or none').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(['http/protobuf', 'http/json'], 'must be http/protobuf or http/json')
    .default('http/protobuf'),
  // Shorter than the default of the specification: the stop of the gateway waits for the last export.
  OTEL_EXPORTER_OTLP_TIMEOUT: count(2_000, 60_000),
  OTEL_SERVICE_NAME: text.default('rtc-gateway'),
  OTEL_SDK_DISABLED: z.enum(['true', 'false'], 'must be true or false').default('false'),
}

/** Undefined if no spans are exported: no variable names a collector, or traces are turned off. */
export function tracingConfig(env: Values<typeof tracingVariables>): TracingConfig | undefined {
  const hasEndpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  const exporter = env.OTEL_TRACES_EXPORTER ?? (hasEndpoint === undefined ? 'none' : 'otlp')
  if (exporter === 'none' || env.OTEL_SDK_DISABLED === 'true') return undefined
  return {
    protocol: env.OTEL_EXPORTER_OTLP_PROTOCOL,
    serviceName: env.OTEL_SERVICE_NAME,
    timeout: env.OTEL_EXPORTER_OTLP_TIMEOUT,
  }
}
