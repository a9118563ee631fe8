import type { Configuration } from '../config.ts'
import type { Logger } from '../core/logger.ts'
import { checkBus } from './bus.ts'
import { checkIssuersClock } from './clock.ts'
import { checkDatabase } from './database.ts'
import type { Finding } from './finding.ts'
import { checkIceServers } from './ice-servers.ts'
import { checkKeySet } from './key-set.ts'
import { checkProviders } from './providers.ts'
import { checkPublicUrl } from './public-url.ts'
import { checkPushGateway } from './push-gateway.ts'
import { checkWukongim } from './wukongim.ts'

/**
 * Checks everything that the gateway depends on, concurrently.
 *
 * @param options.databaseUrl - absent if the database cannot be reached
 */
export async function examine(
  configuration: Configuration,
  { databaseUrl, log }: { readonly databaseUrl: string | undefined; readonly log: Logger },
): Promise<Finding[]> {
  const { config, secrets } = configuration
  const { jwksUrl } = config.auth
  const { publicUrl } = config.http
  const { gatewayUrl } = config.push
  const findings = await Promise.all([
    ...(databaseUrl === undefined ? [] : [checkDatabase(databaseUrl, { log })]),
    ...(secrets.busUrl === undefined ? [] : [checkBus(secrets.busUrl, { log })]),
    ...(jwksUrl === undefined ? [] : [checkKeySet(jwksUrl), checkIssuersClock(jwksUrl)]),
    ...checkIceServers({ ...config.ice, turnSecret: secrets.turnSecret }),
    ...checkProviders(configuration),
    ...(config.wukongim ? [checkWukongim({ ...config.wukongim, token: secrets.wukongimToken })] : []),
    ...(gatewayUrl === undefined ? [] : [checkPushGateway(gatewayUrl)]),
    ...(publicUrl === undefined ? [] : [checkPublicUrl(publicUrl)]),
  ])
  return findings.flat()
}
