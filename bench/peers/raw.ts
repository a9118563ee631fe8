import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import pg from 'pg'
import { v7 } from 'uuid'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Operation } from '../load/operations.ts'
import { authenticate, DATABASE_URL, listen, POOL } from './environment.ts'
import type { CreateRoomInput, UpdateParticipantInput } from './inputs.ts'
import { STATEMENTS } from './statements.ts'

/**
 * The upper bound: node:http with one prepared statement per operation, whose JSON result is sent unchanged. It executes no
 * GraphQL and recognises the operations of the benchmark by name.
 */
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: POOL })

interface Row {
  readonly answer: string
  readonly seq?: number
}

/** @throws Error when the statement returns no row */
async function run(name: keyof typeof STATEMENTS, values: readonly unknown[]): Promise<Row> {
  const { rows } = await pool.query<Row>({ name, text: STATEMENTS[name], values: [...values] })
  const [row] = rows
  if (!row) throw new Error('NOT_FOUND')
  return row
}

interface Question {
  readonly operationName: Operation
  readonly variables: { readonly id?: string; readonly input?: { readonly roomId?: string } }
}

async function answer(userId: string, { operationName, variables: { id, input } }: Question): Promise<string> {
  switch (operationName) {
    case 'Room':
      return (await run('room', [id, userId])).answer
    case 'MyRooms':
      return (await run('myRooms', [userId])).answer
    case 'CreateRoom':
      return (await run('createCall', [v7(), userId, (input as CreateRoomInput).calleeId])).answer
    case 'JoinRoom':
      return (await run('join', [input?.roomId, userId])).answer
    case 'LeaveRoom':
      return (await run('leave', [input?.roomId, userId])).answer
    case 'UpdateParticipant':
      return update(userId, input as UpdateParticipantInput)
    default:
      throw new Error('subscriptions use WebSocket')
  }
}

async function update(userId: string, { roomId, audio }: UpdateParticipantInput): Promise<string> {
  const row = await run('update', [roomId, userId, audio])
  const roomUpdated = {
    seq: row.seq,
    type: 'PARTICIPANT_UPDATED',
    actorId: userId,
    participant: { userId, audio },
    room: { status: 'ACTIVE' },
  }
  for (const { socket, id } of subscribers.get(roomId) ?? []) {
    socket.send(JSON.stringify({ id, type: 'next', payload: { data: { roomUpdated } } }))
  }
  return row.answer
}

const ROOM_PATH = /^\/im\/api\/v1\/rtc\/rooms(?:\/([\w-]+)(?:\/(join|leave))?)?$/

async function handle(request: IncomingMessage): Promise<string> {
  const userId = await authenticate(request.headers.authorization)
  const { method, url = '' } = request
  if (url === '/graphql') return answer(userId, JSON.parse(await bodyOf(request)) as Question)
  const [path, id, verb] = ROOM_PATH.exec(url) ?? []
  if (path === undefined) throw new Error('NOT_FOUND')
  if (method === 'GET') return (await run('restRoom', [id, userId])).answer
  if (verb === 'join') return (await run('restJoin', [id, userId])).answer
  if (verb === 'leave') return (await run('restLeave', [id, userId])).answer
  const { calleeId } = JSON.parse(await bodyOf(request)) as CreateRoomInput
  return (await run('restCreateCall', [v7(), userId, calleeId])).answer
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

const server = createServer((request, response) => {
  handle(request).then(
    (body) => reply(response, 200, body),
    (error: unknown) => reply(response, 500, JSON.stringify({ errors: [{ message: String(error) }] })),
  )
})

/** Subscribers by room. */
const subscribers = new Map<string, Set<{ readonly socket: WebSocket; readonly id: string }>>()

interface Message {
  readonly type: string
  readonly id: string
  readonly payload: { readonly authorization?: string; readonly variables?: { readonly roomId: string } }
}

const sockets = new WebSocketServer({ server, path: '/graphql' })
sockets.on('connection', (socket) => {
  socket.on('message', (data: Buffer) => {
    const { type, id, payload } = JSON.parse(data.toString()) as Message
    if (type === 'connection_init') {
      authenticate(payload.authorization).then(
        () => socket.send('{"type":"connection_ack"}'),
        () => socket.close(4403),
      )
    } else if (type === 'subscribe' && payload.variables) {
      const { roomId } = payload.variables
      const readers = subscribers.get(roomId) ?? new Set()
      subscribers.set(roomId, readers)
      const reader = { socket, id }
      readers.add(reader)
      socket.once('close', () => readers.delete(reader))
    }
  })
})
await listen(server)
