import { z } from 'zod'
import { parseInput } from '../core/input.ts'
import { jsonReply, type Route, route } from '../rest/route.ts'
import { OtherUser } from './input.ts'
import type { BlockService } from './service.ts'
import type { BlockedUser } from './store.ts'

const EmptyInput = z.strictObject({})
const BlockedUserJson = z.object({ userId: z.string(), blockedAt: z.iso.datetime() })

const blockedUserJson = ({ userId, blockedAt }: BlockedUser) => ({ userId, blockedAt: blockedAt.toISOString() })
const userOf = (params: { readonly userId: string }): string => parseInput(OtherUser, params).userId

export function blockRoutes({ blocks }: { blocks: BlockService }): Route[] {
  return [
    route({
      method: 'GET',
      path: '/blocked-users',
      operationId: 'listBlockedUsers',
      access: 'user',
      summary: 'List the users you have blocked, in the order of their ids.',
      input: z.object({}),
      success: [200],
      output: z.array(BlockedUserJson),
      handle: async ({ actor }) => jsonReply((await blocks.list(actor)).map(blockedUserJson)),
    }),
    route({
      method: 'PUT',
      path: '/blocked-users/:userId',
      operationId: 'blockUser',
      access: 'user',
      summary: 'Block a user: their calls and invitations do not ring for you.',
      input: EmptyInput,
      success: [200],
      output: BlockedUserJson,
      handle: async ({ actor, params }) => jsonReply(blockedUserJson(await blocks.block(actor, userOf(params)))),
    }),
    route({
      method: 'DELETE',
      path: '/blocked-users/:userId',
      operationId: 'unblockUser',
      access: 'user',
      summary: 'Unblock a user.',
      input: EmptyInput,
      success: [200],
      output: z.object({ userId: z.string() }),
      async handle({ actor, params }) {
        const userId = userOf(params)
        await blocks.unblock(actor, userId)
        return jsonReply({ userId })
      },
    }),
  ]
}
