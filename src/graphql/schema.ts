import './scalars.ts'
import '../auth/graphql.ts'
import '../media/graphql.ts'
import '../rooms/graphql.ts'
import '../events/graphql.ts'
import '../blocks/graphql.ts'
import '../calls/graphql.ts'
import '../signals/graphql.ts'
import { builder } from './builder.ts'

export const schema = builder.toSchema({ sortSchema: true })
