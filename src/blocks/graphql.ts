import { parseInput } from '../core/input.ts'
import { builder } from '../graphql/builder.ts'
import { OtherUser } from './input.ts'
import type { BlockedUser } from './store.ts'

const BlockedUserRef = builder.objectRef<BlockedUser>('BlockedUser').implement({
  description: 'A user whose calls and invitations do not ring for you.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The user who is blocked.' }),
    blockedAt: t.expose('blockedAt', { type: 'DateTime', description: 'Since when.' }),
  }),
})

const BlockUserInput = builder.inputType('BlockUserInput', {
  description: 'The user to block.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The user whose calls shall not ring for you.' }) }),
})
const BlockUserPayload = builder.objectRef<BlockedUser>('BlockUserPayload').implement({
  description: 'The block that is in effect.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The user who is blocked.' }),
    blockedAt: t.expose('blockedAt', { type: 'DateTime', description: 'Since when.' }),
  }),
})

const UnblockUserInput = builder.inputType('UnblockUserInput', {
  description: 'The user to unblock.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The user whose calls shall ring for you again.' }) }),
})
const UnblockUserPayload = builder.objectRef<{ userId: string }>('UnblockUserPayload').implement({
  description: 'The user who is no longer blocked.',
  fields: (t) => ({ userId: t.exposeID('userId', { description: 'The user whose calls ring again.' }) }),
})

builder.queryFields((t) => ({
  blockedUsers: t.field({
    type: [BlockedUserRef],
    access: 'user',
    extensions: { size: 100 },
    description: 'The users you have blocked, at most 1000, in the order of their ids.',
    resolve: async (_root, _args, { blocks, actor }) => [...(await blocks.list(actor))],
  }),
}))

builder.mutationFields((t) => ({
  blockUser: t.field({
    type: BlockUserPayload,
    access: 'user',
    description:
      'Blocks a user: their calls and invitations no longer ring for you, but appear to them as ringing until missed. ' +
      'Does not affect a call that is already ringing.',
    args: { input: t.arg({ type: BlockUserInput, required: true, description: 'The user to block.' }) },
    resolve: (_root, { input }, { blocks, actor }) => blocks.block(actor, parseInput(OtherUser, input).userId),
  }),
  unblockUser: t.field({
    type: UnblockUserPayload,
    access: 'user',
    description: 'Unblocks a user: their calls and invitations ring for you again.',
    args: { input: t.arg({ type: UnblockUserInput, required: true, description: 'The user to unblock.' }) },
    async resolve(_root, { input }, { blocks, actor }) {
      const { userId } = parseInput(OtherUser, input)
      await blocks.unblock(actor, userId)
      return { userId }
    },
  }),
}))
