import { Webhook } from 'standardwebhooks'
import { expect } from 'vitest'
import type { EndpointServer, ReceivedRequest, Reply } from '../webhooks/endpoint-server.ts'
import type { Fault, WukongimDouble } from '../wukongim/double.ts'
import { type CallsOptions, membersOf, type RandomCalls } from './calls.ts'
import {
  expectedMessages,
  isEmptyAtEnd,
  type Listed,
  type ListedRoom,
  messagesInWords,
  ofStream,
  type Query,
  readLog,
  webhooksOf,
} from './tellings.ts'

export const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** The variables of the nodes whose calls are compared. */
export const fiveWaysEnv = (endpoint: EndpointServer, wukongim: WukongimDouble): Record<string, string> => ({
  ...wukongim.env,
  WEBHOOK_URLS: endpoint.url,
  WEBHOOK_SECRET,
  WEBHOOK_ALLOW_PRIVATE: 'true',
  RING_TIMEOUT: '2',
  // Streams are cut, and come back.
  DISCONNECT_GRACE: '20',
  EMPTY_TIMEOUT: '20',
})

/**
 * An endpoint that refuses some messages once: the delay after a second failure would be five minutes. It verifies each
 * message when it arrives, since a signature is valid for five minutes, and lists those that fail.
 */
export function failingEndpoint(random: () => number, unverified: string[]): (request: ReceivedRequest) => Reply {
  const webhook = new Webhook(WEBHOOK_SECRET)
  const failed = new Set<string>()
  return ({ body, headers, message: { data } }) => {
    try {
      webhook.verify(body, headers as Record<string, string>)
    } catch (error) {
      unverified.push(String(error))
    }
    const id = `${data.roomId} ${data.seq}`
    if (failed.has(id) || random() < 0.95) return { status: 204 }
    failed.add(id)
    return { status: [302, 400, 404, 408][Math.floor(random() * 4)] ?? 400 }
  }
}

/** A WukongIM that fails at random. */
export function failingWukongim(random: () => number): () => Fault | undefined {
  const faults: readonly Fault[] = [
    { kind: 'cut', stored: true },
    { kind: 'cut', stored: false },
    { kind: 'status', status: 500 },
    { kind: 'reason', reason: 15 },
  ]
  return () => (random() < 0.9 ? undefined : faults[Math.floor(random() * faults.length)])
}

interface Run extends Pick<CallsOptions, 'urls' | 'token' | 'lanes'> {
  readonly calls: RandomCalls
  readonly query: Query
  readonly endpoint: EndpointServer
  readonly wukongim: WukongimDouble
  readonly unverified: readonly string[]
}

/** Waits until everything is told, then compares the five tellings of every room. Returns what was compared. */
export async function compare(run: Run): Promise<Readonly<Record<string, number>>> {
  const { calls, query, endpoint, wukongim } = run
  expect(calls.faults).toEqual([])
  const log = await readLog(query)
  expect([...log.keys()].toSorted()).toEqual([...calls.streams.keys()].toSorted())
  const rooms = await history(run)
  expect([...rooms.keys()].toSorted()).toEqual([...log.keys()].toSorted())

  const isTold = (roomId: string): boolean => {
    const { room, listed = [] } = rooms.get(roomId) ?? {}
    const seq = room?.seq ?? 0
    if (room?.type === 'p2p') return wukongim.has(`${roomId}-${seq}`)
    return wukongim.has(isEmptyAtEnd(listed) ? `${roomId}-${seq - 1}-refuse-0` : `${roomId}-${seq}-hangup-0`)
  }
  const total = [...log.values()].reduce((sum, events) => sum + events.length, 0)
  const received = () =>
    new Set(
      endpoint.accepted
        .filter(({ message }) => !message.type.startsWith('call.'))
        .map(({ headers }) => headers['webhook-id']),
    ).size
  await endpoint.until(() => endpoint.accepted.length >= total && received() === total)
  await wukongim.until(() => [...log.keys()].every(isTold))

  expect(run.unverified).toEqual([])
  const webhooks = webhooksOf(endpoint.accepted)
  let lateRings = 0
  let messages = 0
  for (const [roomId, events] of log) {
    const { room, listed } = rooms.get(roomId) ?? {}
    const webhook = webhooks.get(roomId)
    if (!room || !listed || !webhook) throw new Error(`${roomId} is missing`)
    expect([roomId, ofStream(calls.streams.get(roomId) ?? [])]).toEqual([roomId, events])
    expect([roomId, webhook.events]).toEqual([roomId, events])
    expect([roomId, listed]).toEqual([roomId, events.map(({ state, status, endReason, ...rest }) => rest)])
    const { seq, status, endReason } = events.at(-1) ?? {}
    expect(room).toMatchObject({ seq, status, endReason })

    const told = messagesInWords(wukongim.of(roomId))
    const expected = expectedMessages(room, listed, webhook.types)
    // A ring that could not be sent in time is not sent at all.
    const isLate = !told.some((message) => message.endsWith(' invoke'))
    lateRings += Number(isLate)
    messages += told.length
    expect([roomId, told]).toEqual([roomId, expected.filter((message) => !isLate || !message.endsWith(' invoke'))])
  }
  const records = wukongim.messages.filter(({ payload }) => payload.type === 9989)
  expect(records).toHaveLength([...rooms.values()].filter(({ room }) => room.type === 'p2p').length)
  expect(wukongim.messages.every(({ bound }) => bound)).toBe(true)
  const repetitions = wukongim.sends.length - wukongim.messages.length
  return { rooms: log.size, events: total, messages, lateRings, repetitions }
}

interface Remembered {
  readonly room: ListedRoom
  readonly listed: readonly Listed[]
}

interface RoomPage {
  readonly rooms: readonly ListedRoom[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

/** The rooms of every caller by REST, and their events by GraphQL. */
async function history({ urls, token, lanes }: Run): Promise<ReadonlyMap<string, Remembered>> {
  const [url = ''] = urls()
  const rooms = new Map<string, Remembered>()
  for (let lane = 0; lane < lanes; lane += 1) {
    const authorization = `Bearer ${await token(membersOf(lane)[0])}`
    let after = ''
    for (let hasNextPage = true; hasNextPage;) {
      const page: RoomPage = await (
        await fetch(`${url}/im/api/v1/rtc/rooms?status=ended&first=50${after}`, { headers: { authorization } })
      ).json()
      for (const room of page.rooms) rooms.set(room.id, { room, listed: await eventsOf(url, authorization, room.id) })
      ;({ hasNextPage } = page.pageInfo)
      after = `&after=${page.pageInfo.endCursor}`
    }
  }
  return rooms
}

async function eventsOf(url: string, authorization: string, id: string): Promise<readonly Listed[]> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({
      query: 'query ($id: ID!) { room(id: $id) { events(first: 500) { seq type at actorId subjectId } } }',
      variables: { id },
    }),
  })
  const { data } = (await response.json()) as { data: { room: { events: Listed[] } } }
  return data.room.events.map((event) => ({ ...event, type: event.type.toLowerCase() }))
}
