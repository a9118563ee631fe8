import type { Actor } from '../core/actor.ts'
import { builder } from '../graphql/builder.ts'

const ViewerRef = builder.objectRef<Actor>('Viewer').implement({
  description: 'The authenticated user.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the user.' }),
    scopes: t.stringList({
      description: 'The scopes of the token.',
      extensions: { size: 1 },
      resolve: ({ scopes }) => [...scopes],
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The expiry of the token; null if it does not expire.',
      resolve: ({ expiresAt }) => expiresAt ?? null,
    }),
  }),
})

builder.queryFields((t) => ({
  me: t.field({
    type: ViewerRef,
    access: 'user',
    description: 'The authenticated user.',
    resolve: (_root, _args, { actor }) => actor,
  }),
}))
