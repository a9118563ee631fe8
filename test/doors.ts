import type { Answer, Person } from './world.ts'

/** The result of a request in the domain's terms: the room with its participants, and the connection; or the error. */
export interface Outcome {
  readonly code?: string
  readonly status: number
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly room?: any
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly connection?: any
}

/** The operations of the API, implemented by REST and by GraphQL. */
export interface Door {
  readonly name: string
  create(person: Person, input: Record<string, unknown>, key?: string): Promise<Outcome>
  join(person: Person, id: string, input?: Record<string, unknown>): Promise<Outcome>
  refresh(person: Person, id: string): Promise<Outcome>
  leave(person: Person, id: string, input?: Record<string, unknown>): Promise<Outcome>
  end(person: Person, id: string): Promise<Outcome>
  get(person: Person, id: string): Promise<Outcome>
  reject(person: Person, id: string, input?: Record<string, unknown>): Promise<Outcome>
  invite(person: Person, id: string, userId: string): Promise<Outcome>
  remove(person: Person, id: string, userId: string): Promise<Outcome>
  transferHost(person: Person, id: string, userId: string): Promise<Outcome>
}

const ROOM = `id type mediaType status callerId calleeId name metadata provider access maxParticipants seq
  endReason duration activeUntil hostId reach participants { userId uid role state audio video connected leaveReason duration sessionId lostAt reach }`

const CONNECTION =
  'provider appId url roomId userId uid token expiresAt iceServers { urls username credential } meshMax'

const SELECTIONS: Readonly<Record<string, string>> = {
  joinRoom: `room { ${ROOM} } connection { ${CONNECTION} }`,
  refreshConnection: `connection { ${CONNECTION} }`,
}

const mutation = (name: string) =>
  `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) {
    ${name}(input: $input) { ${SELECTIONS[name] ?? `room { ${ROOM} }`} }
  }`

const ENUMS = new Set([
  'type',
  'mediaType',
  'status',
  'provider',
  'access',
  'endReason',
  'reason',
  'role',
  'state',
  'leaveReason',
  'reach',
])

/** Converts the case of enum values: GraphQL uses upper case, the domain and REST lower case. */
function recase(value: unknown, to: 'toUpperCase' | 'toLowerCase'): unknown {
  if (Array.isArray(value)) return value.map((item) => recase(item, to))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      ENUMS.has(key) && typeof item === 'string' ? item[to]() : key === 'metadata' ? item : recase(item, to),
    ]),
  )
}

export const graphqlDoor: Door = {
  name: 'GraphQL',
  create: (person, input, key) =>
    mutate(person, 'createRoom', {
      ...(recase(input, 'toUpperCase') as object),
      ...(key !== undefined && { clientRequestId: key }),
    }),
  join: (person, roomId, input = {}) => mutate(person, 'joinRoom', { roomId, ...input }),
  refresh: (person, roomId) => mutate(person, 'refreshConnection', { roomId }),
  leave: (person, roomId, input) => mutate(person, 'leaveRoom', { roomId, ...input }),
  end: (person, roomId) => mutate(person, 'endRoom', { roomId }),
  reject: (person, roomId, input = {}) =>
    mutate(person, 'rejectCall', { roomId, ...(recase(input, 'toUpperCase') as object) }),
  invite: (person, roomId, userId) => mutate(person, 'inviteParticipants', { roomId, userIds: [userId] }),
  remove: (person, roomId, userId) => mutate(person, 'removeParticipant', { roomId, userId }),
  transferHost: (person, roomId, userId) => mutate(person, 'transferHost', { roomId, userId }),
  async get(person, id) {
    const answer = await person.graphql(`query ($id: ID!) { room(id: $id) { ${ROOM} } }`, { id })
    return outcome(answer, { room: answer.body.data?.room })
  },
}

async function mutate(person: Person, name: string, input: Record<string, unknown>): Promise<Outcome> {
  const answer = await person.graphql(mutation(name), { input })
  return outcome(answer, answer.body.data?.[name])
}

function outcome({ status, body }: Answer, data: { room?: unknown; connection?: unknown }): Outcome {
  if (!body.errors) {
    const { room, connection } = recase(data, 'toLowerCase') as { room?: unknown; connection?: unknown }
    return { status, ...(room !== undefined && { room }), ...(connection !== undefined && { connection }) }
  }
  const [{ extensions }] = body.errors
  return { status, code: extensions.code }
}

export const restDoor: Door = {
  name: 'REST',
  create: (person, input, key) =>
    send(person, 'POST', '/rooms', input, key === undefined ? {} : { 'Idempotency-Key': key }),
  join: (person, id, input) => send(person, 'POST', `/rooms/${encodeURIComponent(id)}/join`, input),
  async refresh(person, id) {
    const { status, body } = await person.rest('POST', `/rooms/${encodeURIComponent(id)}/connection`)
    return status === 200 ? { status, connection: body } : { status, code: body.code }
  },
  leave: (person, id, input) => send(person, 'POST', `/rooms/${encodeURIComponent(id)}/leave`, input),
  end: (person, id) => send(person, 'POST', `/rooms/${encodeURIComponent(id)}/end`),
  get: (person, id) => send(person, 'GET', `/rooms/${encodeURIComponent(id)}`),
  reject: (person, id, input) => send(person, 'POST', `/rooms/${encodeURIComponent(id)}/reject`, input),
  invite: (person, id, userId) => send(person, 'POST', `/rooms/${encodeURIComponent(id)}/participants`, { userId }),
  transferHost: (person, id, userId) => send(person, 'PUT', `/rooms/${encodeURIComponent(id)}/host`, { userId }),
  remove: (person, id, userId) => send(person, 'DELETE', `/rooms/${encodeURIComponent(id)}/participants/${userId}`),
}

async function send(
  person: Person,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Outcome> {
  const answer = await person.rest(method, path, body, headers)
  if (answer.status >= 400) return { status: answer.status, code: answer.body.code }
  const { participant: _, connection, createdAt: __, startedAt: ___, endedAt: ____, ...room } = answer.body
  const { body: participants } = await person.rest('GET', `/rooms/${room.id}/participants`)
  return {
    status: 200,
    room: { ...room, participants: participants.map(withoutTimes) },
    ...(connection && { connection }),
  }
}

function withoutTimes({ id: _, joinedAt: __, leftAt: ___, ...participant }: Record<string, unknown>) {
  return participant
}
