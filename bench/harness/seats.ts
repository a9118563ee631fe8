import type { Database } from './database.ts'
import { Server } from './server.ts'

interface OpenApi {
  readonly paths: Readonly<
    Record<
      string,
      {
        readonly post?: {
          readonly requestBody: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
        }
      }
    >
  >
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
}

interface Schema {
  readonly $ref?: string
  readonly maximum?: number
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
}

/** The maximum number of members of a group, read from the gateway's OpenAPI document. */
export async function seatsMaxOf(database: Database): Promise<number> {
  const server = await Server.start('gateway', database)
  try {
    const response = await fetch(`${server.url}/im/api/v1/openapi.json`)
    return seatsMaxIn((await response.json()) as OpenApi)
  } finally {
    await server.stop()
  }
}

function seatsMaxIn({ paths, components }: OpenApi): number {
  const path = Object.keys(paths).find((name) => name.endsWith('/rooms'))
  const body = paths[path ?? '']?.post?.requestBody.content['application/json']?.schema
  const schema = body?.$ref ? components?.schemas?.[body.$ref.split('/').at(-1) ?? ''] : body
  const seats = schema?.properties?.['maxParticipants']
  const maximum = seats?.maximum ?? seats?.anyOf?.find((option) => option.maximum !== undefined)?.maximum
  if (maximum === undefined) throw new Error('the OpenAPI document does not tell how many members a group may have')
  return maximum
}
