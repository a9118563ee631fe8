import type { Person } from '../../world.ts'

/** An action of a user on a room, over each transport that supports it. */
export interface Action {
  readonly rest?: (roomId: string) => readonly [method: string, path: string, body?: object]
  /** An operation with `$roomId: ID!`. */
  readonly graphql: string
}

const mutation = (name: string, input: string) =>
  `mutation ($roomId: ID!) { ${name}(input: { roomId: $roomId, ${input} }) { __typename } }`

export const actions = {
  read: {
    rest: (id) => ['GET', `/rooms/${id}`],
    graphql: 'query ($roomId: ID!) { room(id: $roomId) { id } }',
  },
  participants: {
    rest: (id) => ['GET', `/rooms/${id}/participants`],
    graphql: 'query ($roomId: ID!) { room(id: $roomId) { participants { userId } events { seq } } }',
  },
  join: {
    rest: (id) => ['POST', `/rooms/${id}/join`],
    graphql: mutation('joinRoom', ''),
  },
  connection: {
    rest: (id) => ['POST', `/rooms/${id}/connection`],
    graphql: mutation('refreshConnection', ''),
  },
  leave: {
    rest: (id) => ['POST', `/rooms/${id}/leave`],
    graphql: mutation('leaveRoom', ''),
  },
  reject: {
    rest: (id) => ['POST', `/rooms/${id}/reject`, {}],
    graphql: mutation('rejectCall', ''),
  },
  invite: {
    rest: (id) => ['POST', `/rooms/${id}/participants`, { userId: 'newcomer' }],
    graphql: mutation('inviteParticipants', 'userIds: ["newcomer"]'),
  },
  remove: {
    rest: (id) => ['DELETE', `/rooms/${id}/participants/present`],
    graphql: mutation('removeParticipant', 'userId: "present"'),
  },
  transferHost: {
    rest: (id) => ['PUT', `/rooms/${id}/host`, { userId: 'present' }],
    graphql: mutation('transferHost', 'userId: "present"'),
  },
  end: {
    rest: (id) => ['POST', `/rooms/${id}/end`],
    graphql: mutation('endRoom', ''),
  },
  update: { graphql: mutation('updateParticipant', 'audio: false') },
  signal: { graphql: mutation('sendSignal', 'toId: "present", type: CUSTOM, payload: {}') },
} as const satisfies Record<string, Action>

export type ActionName = keyof typeof actions

/** The outcome of an action: a code of the error table, or `ok`. */
export type Verdict = string

export async function tryByRest(person: Person, action: Action, roomId: string): Promise<Verdict> {
  const [method, path, body] = action.rest?.(roomId) ?? ['', '']
  const { status, body: answer } = await person.rest(method, path, body)
  return status < 300 ? 'ok' : answer.code
}

export async function tryByPost(person: Person, action: Action, roomId: string): Promise<Verdict> {
  const { body } = await person.graphql(action.graphql, { roomId })
  return body.errors?.[0].extensions.code ?? 'ok'
}
