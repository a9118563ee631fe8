import { type FieldNode, type GraphQLResolveInfo, isObjectType } from 'graphql'
import { selectedNames } from '../../graphql/selection.ts'
import type { Participant, RoomFields } from '../model.ts'
import type { Projection } from '../projection.ts'

/** What the fields of a type are computed from that do not expose a field of the row. */
type Sources<Row> = Readonly<Record<string, readonly (keyof Row & string)[]>>

const ROOM_SOURCES: Sources<RoomFields> = {
  __typename: [],
  duration: ['startedAt', 'activeUntil', 'endedAt'],
  hostId: ['type', 'hostId', 'callerId'],
  participants: [],
  me: [],
  events: ['seq'],
}

const PARTICIPANT_SOURCES: Sources<Participant> = {
  __typename: [],
  id: ['userId'],
  uid: ['ordinal'],
  duration: ['completedSeconds', 'state', 'joinedAt', 'lostAt'],
}

/** By the node of a root field, which fully determines its selection. */
const projections = new WeakMap<FieldNode, Projection>()

/** The projection to what is selected of the rooms at `path` below a root field; of participants only if those are selected. */
export function projectionOf(info: GraphQLResolveInfo, path: readonly string[]): Projection {
  const [node, ...others] = info.fieldNodes
  const known = node && others.length === 0 ? projections.get(node) : undefined
  if (known) return known
  const projection = readProjection(info, path)
  if (node && others.length === 0) projections.set(node, projection)
  return projection
}

function readProjection(info: GraphQLResolveInfo, path: readonly string[]): Projection {
  const names = selectedNames(info, path)
  const room = sourcesOf<RoomFields>(names, ROOM_SOURCES, exposedBy(info, 'Room'))
  const hasParticipants = names.has('participants')
  // `me` is found among the participants.
  const ofPeople = new Set(['participants', 'me'].flatMap((name) => [...selectedNames(info, [...path, name])]))
  const people = sourcesOf<Participant>(ofPeople, PARTICIPANT_SOURCES, exposedBy(info, 'Participant'))
  if (!room || !people) return { room: 'all', participants: hasParticipants ? 'all' : null }
  return { room, participants: hasParticipants ? [...people, ...(names.has('me') ? (['userId'] as const) : [])] : null }
}

/** The field of the row that a field of the type exposes; undefined if it has a resolver. */
function exposedBy({ schema }: GraphQLResolveInfo, typeName: 'Room' | 'Participant'): (name: string) => unknown {
  const type = schema.getType(typeName)
  const fields = isObjectType(type) ? type.getFields() : {}
  return (name) => fields[name]?.extensions['pothosExposedField']
}

/** Undefined if the sources of a field are not known. */
function sourcesOf<Row>(
  names: ReadonlySet<string>,
  sources: Sources<Row>,
  exposed: (name: string) => unknown,
): readonly (keyof Row & string)[] | undefined {
  const found: (keyof Row & string)[] = []
  for (const name of names) {
    const field = exposed(name)
    const known = Object.hasOwn(sources, name) ? sources[name] : field !== undefined && [field as keyof Row & string]
    if (!known) return undefined
    found.push(...known)
  }
  return found
}
