import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { mintToken } from '../../src/auth/development.ts'
import { createPerson, type Person, SECRET } from '../world.ts'

/** Calls between two nodes, one after the other, by several pairs of users. */
export interface Traffic {
  /** Number of calls completed so far. @throws AggregateError if any call was not as it should be */
  completed(): number
  /** Chooses the nodes of the calls that begin from now on. */
  use(nodes: readonly [string, string]): void
  /** Lets the calls in progress end. @throws AggregateError if any call was not as it should be */
  stop(): Promise<void>
}

/** The events of a call, as bob's stream delivers them after its snapshot. */
const EVENTS = [
  'PARTICIPANT_JOINED',
  'PARTICIPANT_JOINED',
  'ROOM_STARTED',
  'PARTICIPANT_UPDATED',
  'PARTICIPANT_LEFT',
  'ROOM_ENDED',
]

/** @param nodes - the node of the caller and the node of the callee */
export async function startTraffic(nodes: readonly [string, string], { pairs }: { pairs: number }): Promise<Traffic> {
  let current = nodes
  let completed = 0
  let isStopping = false
  const failures: unknown[] = []
  const running = Array.from({ length: pairs }, async (_, pair) => {
    for (let index = 0; !isStopping; index += 1) {
      // The nodes change places from call to call.
      const [one, other] = current
      const [caller, callee] = index % 2 === 0 ? [one, other] : [other, one]
      try {
        await call(await personAt(caller, `caller-${pair}`), await personAt(callee, `callee-${pair}`), callee)
        completed += 1
      } catch (error) {
        failures.push(error)
        isStopping = true
      }
    }
  })
  const requireNoFailure = () => {
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'))
  }
  return {
    completed() {
      requireNoFailure()
      return completed
    },
    use: (next) => {
      current = next
    },
    async stop() {
      isStopping = true
      await Promise.all(running)
      requireNoFailure()
    },
  }
}

const personAt = async (url: string, id: string): Promise<Person> =>
  createPerson(url, id, await mintToken({ secret: SECRET, userId: id, ttl: 600, now: new Date() }))

/** One call with every kind of command; checks each response and the callee's stream. */
async function call(caller: Person, callee: Person, calleeUrl: string): Promise<void> {
  const room = await expectStatus(201, caller.rest('POST', '/rooms', { type: 'p2p', calleeId: callee.id }))
  const stream = await openStream(calleeUrl, callee.token, room.id)
  // A node of this version reports that its device rings.
  const device = await openDevice(calleeUrl, callee.token, room.id)
  try {
    await expectStatus(200, caller.rest('POST', `/rooms/${room.id}/join`))
    await expectStatus(200, callee.rest('POST', `/rooms/${room.id}/join`))
    const { body } = await callee.graphql(
      'mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }',
      { input: { roomId: room.id, video: false } },
    )
    if (body.errors) throw new Error(JSON.stringify(body.errors))
    const ended = await expectStatus(200, caller.rest('POST', `/rooms/${room.id}/leave`))
    if (ended.status !== 'ended') throw new Error(`the room is ${ended.status}`)
    const events = await stream.ended
    const seqs = events.map(({ seq }) => seq)
    const [first = 0] = seqs
    if (seqs.some((seq, index) => seq !== first + index)) throw new Error(`the stream has gaps: ${seqs.join(' ')}`)
    const types = events.map(({ type }) => type).filter((type) => type !== 'SNAPSHOT')
    for (const type of EVENTS)
      if (!types.includes(type)) throw new Error(`the stream lacks ${type}: ${types.join(' ')}`)
  } finally {
    await device.close()
    await stream.close()
  }
}

interface StreamEvent {
  readonly seq: number
  readonly type: string
}

const connect = (url: string, token: string) =>
  createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  })

/** Resolves when the room rings for the callee's device. */
async function openDevice(url: string, token: string, roomId: string) {
  const client = connect(url, token)
  const query = 'subscription { incomingCall { type room { id } } }'
  for await (const { data } of client.iterate<{ incomingCall: { type: string; room: { id: string } } }>({ query })) {
    if (data?.incomingCall.type === 'RINGING' && data.incomingCall.room.id === roomId) break
  }
  return { close: () => client.dispose() }
}

/** Resolves when the stream has delivered its snapshot. */
async function openStream(url: string, token: string, roomId: string) {
  const client = connect(url, token)
  const query = `subscription { roomUpdated(roomId: "${roomId}") { seq type } }`
  const messages = client.iterate<{ roomUpdated: StreamEvent }>({ query })
  const first = await messages.next()
  const events = [first.value?.data?.roomUpdated]
  const reading = (async () => {
    for await (const { data, errors } of messages) {
      if (errors) throw new Error(JSON.stringify(errors))
      events.push(data?.roomUpdated)
      if (data?.roomUpdated.type === 'ROOM_ENDED') break
    }
    return events.filter((event) => event !== undefined)
  })()
  return { ended: reading, close: () => client.dispose() }
}

async function expectStatus(status: number, answer: ReturnType<Person['rest']>) {
  const { status: actual, body } = await answer
  if (actual !== status) throw new Error(`${actual} instead of ${status}: ${JSON.stringify(body)}`)
  return body
}
