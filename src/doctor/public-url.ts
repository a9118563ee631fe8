import WebSocket from 'ws'
import { ANSWER_TIMEOUT, fail, type Finding, ok, reasonOf } from './finding.ts'

/** Uses the gateway as clients do, through the proxy in front of it: one request, and one WebSocket. */
export async function checkPublicUrl(url: string): Promise<Finding[]> {
  const http = await checkHttp(url)
  return http.status === 'ok' ? [http, await checkSocket(url)] : [http]
}

async function checkHttp(url: string): Promise<Finding> {
  const remedy = 'start the gateway; then check DNS, the certificate and the proxy: docs/operations/proxy.md'
  try {
    const response = await fetch(`${url}/health/live`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT),
    })
    const body = await response.text()
    return response.status === 200 && body.includes('"live"')
      ? ok('PUBLIC_URL', `${url} is the gateway`)
      : fail('PUBLIC_URL', `${url}/health/live answers ${response.status}, not as the gateway does`, remedy)
  } catch (error) {
    return fail('PUBLIC_URL', `${url} cannot be reached: ${reasonOf(error)}`, remedy)
  }
}

/** `connection_init` without a token is refused with 4401, by the gateway itself. */
async function checkSocket(url: string): Promise<Finding> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', {
    handshakeTimeout: ANSWER_TIMEOUT,
  })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve()).once('error', reject)
    })
    return ok('PUBLIC_URL', 'the proxy passes WebSockets on')
  } catch (error) {
    const remedy = 'have the proxy pass Upgrade and Connection on: docs/operations/proxy.md'
    return fail('PUBLIC_URL', `does not open a WebSocket: ${reasonOf(error)}`, remedy)
  } finally {
    socket.on('error', () => undefined).terminate()
  }
}
