import type { App } from '../app.ts'
import { REST_PREFIX } from '../rest/router.ts'
import { GRAPHQL_PATH, OPENAPI_PATH } from '../server.ts'

/** The users whose tokens development mode prints. */
const DEVELOPMENT_USERS = ['alice', 'bob']

/** The text printed at the start: the URLs, the database and, in development mode, tokens. */
export async function welcome(
  { configuration, developmentToken }: App,
  { url, database }: { url: string; database: string },
): Promise<string> {
  const lines = [
    '',
    '  RTC gateway',
    '',
    ...(configuration.config.callPage ? [`  Calls     ${url}/   (open in one browser window per user)`] : []),
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

/** The database URL without its password and options, which may contain passwords, too. */
export function withoutPassword(url: string): string {
  const shown = new URL(url)
  shown.password = ''
  shown.search = ''
  return shown.href
}
