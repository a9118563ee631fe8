import type { App } from './app.ts'
import { REST_PREFIX } from './rest/router.ts'
import { GRAPHQL_PATH, OPENAPI_PATH } from './server.ts'

/** Whom development mode prints tokens for. */
const DEVELOPMENT_USERS = ['alice', 'bob']

/** What a newcomer reads at the start: where everything is, which database, and tokens to try it with. */
export async function welcome(
  { configuration, developmentToken }: App,
  { url, database }: { url: string; database: string },
): Promise<string> {
  const lines = [
    '',
    '  RTC gateway',
    '',
    ...(configuration.config.callPage ? [`  Calls     ${url}/   (in a browser, once for each who calls)`] : []),
    `  GraphQL   ${url}${GRAPHQL_PATH}${configuration.config.graphiql ? '   (GraphiQL in a browser)' : ''}`,
    `  REST      ${url}${REST_PREFIX}/rooms   (OpenAPI: ${url}${OPENAPI_PATH})`,
    `  Health    ${url}/health/ready`,
    `  Database  ${database}`,
    '',
  ]
  if (developmentToken) {
    lines.push('  Development mode. Tokens, valid for a day (more: npm run token -- carol):')
    for (const userId of DEVELOPMENT_USERS) lines.push('', `  ${userId}  ${await developmentToken(userId)}`)
    lines.push('')
  }
  return `${lines.join('\n')}\n`
}

/** The database's address without its password. */
export function withoutPassword(url: string): string {
  const shown = new URL(url)
  shown.password = ''
  return shown.href
}
