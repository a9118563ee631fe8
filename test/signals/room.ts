import type { Answer, Messages, Person, World } from '../world.ts'
import { take } from '../world.ts'

const SEND = `mutation ($input: SendSignalInput!) {
  sendSignal(input: $input) { signal { seq roomId fromId toId type payload at } }
}`
const SIGNALS = `subscription ($roomId: ID!, $after: Int) {
  signals(roomId: $roomId, after: $after) { seq roomId fromId toId type payload at }
}`

/** Creates a group of alice's in which she and the guests have joined. */
export async function group(world: World, ...guests: Person[]): Promise<string> {
  const { body } = await world.alice.rest('POST', '/rooms', {
    type: 'group',
    participantIds: guests.map(({ id }) => id),
  })
  for (const person of [world.alice, ...guests]) await person.rest('POST', `/rooms/${body.id}/join`)
  return body.id
}

/** Sends a signal over HTTP. */
export const send = (from: Person, roomId: string, toId: string, payload: unknown = {}, type = 'CUSTOM') =>
  from.graphql(SEND, { input: { roomId, toId, type, payload } })

/** Sends a signal over WebSocket. */
export async function sendBySocket(from: Person, roomId: string, toId: string, payload: unknown = {}) {
  const [answer] = await take(from.subscribe(SEND, { input: { roomId, toId, type: 'CUSTOM', payload } }), 1)
  return { body: answer }
}

export const listen = (person: Person, roomId: string, after?: number | null): Messages =>
  person.subscribe(SIGNALS, { roomId, ...(after !== undefined && { after }) })

/** The next `count` signals of a stream, or all until it completes. */
export const signalsOf = async (messages: Messages, count = Infinity): Promise<Answer['body'][]> =>
  (await take(messages, count)).map((message) => message.data?.signals ?? message)

/** The error code of a response, or of the first message of a stream; undefined if there is none. */
export const codeOf = async (answer: Promise<{ body: Answer['body'] }> | Messages): Promise<string | undefined> => {
  const body = 'next' in answer ? (await take(answer, 1))[0] : (await answer).body
  return body?.errors?.[0]?.extensions.code
}
