import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { jsonReply, route } from '../../src/rest/route.ts'

const showMember = route({
  method: 'GET',
  path: '/rooms/:id/participants/:userId',
  operationId: 'showMember',
  access: 'read',
  summary: 'A test route.',
  input: z.object({ first: z.number() }),
  success: [200],
  output: z.object({}),
  handle: async ({ params, input }) => {
    expectTypeOf(params).toEqualTypeOf<{ readonly id: string; readonly userId: string }>()
    expectTypeOf(input).toEqualTypeOf<{ first: number }>()
    return jsonReply({ ...params, ...input })
  },
})

test('passes path parameters and input to the handler with their inferred types', async () => {
  const params = { id: 'r', userId: 'u' }
  const reply = await showMember.handle({
    actor: { id: 'alice', scopes: new Set() },
    params,
    input: { first: 1 },
    headers: {},
    addressOf: (path) => path,
  })
  expect(reply.body).toBe(JSON.stringify({ ...params, first: 1 }))
})
