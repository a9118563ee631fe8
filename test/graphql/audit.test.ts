import { serverAudits } from 'graphql-http'
import { expect, test } from 'vitest'
import { withWorld } from '../world.ts'

test('passes every audit of GraphQL over HTTP', async () => {
  await withWorld(async ({ url, alice }) => {
    const audits = serverAudits({
      url: `${url}/graphql`,
      fetchFn: (target: string, init: RequestInit = {}) => {
        const headers = new Headers(init.headers)
        headers.set('authorization', `Bearer ${alice.token}`)
        return fetch(target, { ...init, headers })
      },
    })
    expect(audits.length).toBeGreaterThan(60)
    for (const audit of audits) {
      const { status, name, ...result } = await audit.fn()
      expect({ name, status, reason: 'reason' in result ? result.reason : undefined }).toMatchObject({ status: 'ok' })
    }
  })
})
