import type { Actor } from '../core/actor.ts'
import { builder } from '../graphql/builder.ts'

const ViewerRef = builder.objectRef<Actor>('Viewer').implement({
  description: 'Who you are, as your token says.',
  fields: (t) => ({
    id: t.exposeID('id'),
    scopes: t.stringList({ extensions: { size: 1 }, resolve: ({ scopes }) => [...scopes] }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When your token expires.',
      resolve: ({ expiresAt }) => expiresAt ?? null,
    }),
  }),
})

builder.queryFields((t) => ({
  me: t.field({ type: ViewerRef, access: 'user', resolve: (_root, _args, { actor }) => actor }),
}))
