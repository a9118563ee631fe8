import './scalars.ts'
import '../admin/graphql.ts'
import '../auth/graphql.ts'
import '../media/graphql.ts'
import '../rooms/graphql/room.ts'
import '../rooms/graphql/participants-page.ts'
import '../rooms/graphql/mutations.ts'
import '../events/graphql.ts'
import '../blocks/graphql.ts'
import '../calls/graphql.ts'
import '../signals/graphql.ts'
import { builder } from './builder.ts'

export const schema = builder.toSchema({ sortSchema: true })
