import { z } from 'zod'
import { parseInput } from '../core/input.ts'
import { builder } from '../graphql/builder.ts'
import { UserId } from '../rooms/input.ts'
import type { UserErasure } from './service.ts'

const EXPORT = { default: 100, max: 200 } as const

const ExportPage = z.strictObject({
  userId: UserId,
  first: z
    .int()
    .min(1)
    .max(EXPORT.max)
    .nullish()
    .transform((value) => value ?? EXPORT.default),
  after: z
    .string()
    .nullish()
    .transform((value) => value ?? null),
})
const ErasedUserInput = z.strictObject({ userId: UserId })

const EraseUserInput = builder.inputType('EraseUserInput', {
  description: 'Input of eraseUser.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The user whose data shall be erased.' }) }),
})
const EraseUserPayload = builder.objectRef<UserErasure>('EraseUserPayload').implement({
  description: 'Payload of eraseUser.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The id of the user.' }),
    pseudonym: t.exposeID('pseudonym', {
      description: 'What stands for the user in rooms that others keep. It is not stored together with the id.',
    }),
    done: t.exposeBoolean('done', {
      description: 'False if the gateway continues in the background; calling again shows when it is done.',
    }),
  }),
})

builder.queryField('exportUser', (t) =>
  t.field({
    type: 'JSON',
    access: 'admin',
    description:
      'Everything that is stored of a user, as one JSON object `{userId, exportedAt, data, next}`: `data` has a list of items ' +
      'for each kind of data. If `next` is not null, pass it as `after` for the next page. Audited. Requires the scope rtc:admin.',
    args: {
      userId: t.arg.id({ required: true, description: 'The id of the user.' }),
      first: t.arg.int({
        description: `The maximum number of items, from 1 to ${EXPORT.max}; ${EXPORT.default} by default.`,
      }),
      after: t.arg.string({ description: '`next` of the previous page.' }),
    },
    resolve(_root, args, { people, actor }) {
      const { userId, ...page } = parseInput(ExportPage, args)
      return people.export(actor, userId, page)
    },
  }),
)

builder.mutationField('eraseUser', (t) =>
  t.field({
    type: EraseUserPayload,
    access: 'admin',
    description:
      "Erases a user's data: disconnects them, takes them out of live rooms, deletes what was only theirs, and replaces their " +
      'id by a random pseudonym in rooms that others keep. Stop issuing tokens to the user before. Idempotent; audited. ' +
      'Requires the scope rtc:admin.',
    args: { input: t.arg({ type: EraseUserInput, required: true, description: 'The user to erase.' }) },
    resolve: (_root, { input }, { people, actor }) => people.erase(actor, parseInput(ErasedUserInput, input).userId),
  }),
)
