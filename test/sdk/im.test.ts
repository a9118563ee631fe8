import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { ImRings, type WukongimMessage, type WukongimSdk } from '../../src/sdk/im.ts'
import { DeviceFlag, type IncomingCall } from '../../src/sdk/index.ts'
import { listen, startClientWorld } from './people.ts'

/** A double of `WKSDK.shared()` of wukongimjssdk 1.0.4: its settings, connection and command listeners. */
class WukongimDouble implements WukongimSdk {
  readonly config: WukongimSdk['config'] & { heartbeatInterval: number } = {
    addr: '',
    deviceFlag: 1,
    heartbeatInterval: 60_000,
  }
  readonly listeners: ((message: WukongimMessage) => void)[] = []
  isConnected = false
  readonly connectManager = {
    connect: () => void (this.isConnected = true),
    disconnect: () => void (this.isConnected = false),
    connected: () => this.isConnected,
  }
  readonly chatManager = {
    addCMDListener: (listener: (message: WukongimMessage) => void) => void this.listeners.push(listener),
    removeCMDListener: (listener: (message: WukongimMessage) => void) =>
      void this.listeners.splice(this.listeners.indexOf(listener), 1),
  }

  /** A command message arrives. */
  command(cmd: string, param?: unknown): void {
    for (const listener of this.listeners) listener({ content: { contentType: 99, cmd, param } })
  }
}

const IM = { wsUrl: 'ws://localhost:5200', deviceFlag: DeviceFlag.PC }

/** Forwards requests to the gateway, and WebSockets once they are allowed. */
async function httpOnly(url: string) {
  let allowed = false
  const open = new Set<Duplex>()
  const forward = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { authorization = '', 'content-type': type = '' } = request.headers
    const answer = await fetch(url + request.url, {
      method: request.method ?? 'POST',
      headers: { authorization, 'content-type': type },
      body: Buffer.concat(chunks),
    })
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
  }
  const server = createServer((request, response) => void forward(request, response))
  server.on('upgrade', (request, near: Duplex, head: Buffer) => {
    if (!allowed) return near.destroy()
    const far = connect(Number(new URL(url).port), '127.0.0.1')
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => undefined)
    }
    const headers = request.rawHeaders.map((text, index) => (index % 2 ? `${text}\r\n` : `${text}: `)).join('')
    far.write(`GET ${request.url} HTTP/1.1\r\n${headers}\r\n`)
    far.write(head)
    return void near.pipe(far).pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const socket of open) socket.destroy()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    allowSockets: () => void (allowed = true),
  }
}

const inWords = ({ type, room }: IncomingCall) => `${type} ${room.id}`

describe('a ring that arrives through WukongIM', () => {
  it('rings once, beside the ring of the gateway', async () => {
    const [world, im] = [await startClientWorld(), new WukongimDouble()]
    const [alice, bob] = [await world.client('alice'), await world.client('bob', { im: { ...IM, sdk: im } })]
    const calls = listen(bob, 'incomingCall')
    await vi.waitFor(() => expect(im.listeners).toHaveLength(1))
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    for (const _ of [1, 2]) im.command('rtc.p2p.invoke', { from_uid: 'alice', call_type: 1, room_id: id })
    expect(inWords(await calls.next())).toBe(`ringing ${id}`)
    im.command('rtc.p2p.invoke', { from_uid: 'alice', call_type: 1, room_id: id })
    await alice.rtc.endRoom(id)
    expect(inWords(await calls.next())).toBe(`cancelled ${id}`)
    // Late, or repeated by WukongIM when the phone connects.
    im.command('rtc.p2p.invoke', { from_uid: 'alice', call_type: 1, room_id: id })
    const next = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    expect(inWords(await calls.next())).toBe(`ringing ${next.id}`)
    expect(calls.waiting).toEqual([])
  })

  it.each([
    ['rtc.p2p.invoke', { type: 'p2p', userId: 'bob' }],
    ['room.invoke', { type: 'group', userIds: ['bob'] }],
  ] as const)('rings by %s while no WebSocket reaches the gateway, and ends when one does', async (cmd, options) => {
    const [world, im] = [await startClientWorld(), new WukongimDouble()]
    const line = await httpOnly(world.url)
    const alice = await world.client('alice')
    const bob = await world.client('bob', { url: line.url, im: { ...IM, sdk: im } })
    const calls = listen(bob, 'incomingCall')
    await vi.waitFor(() => expect(im.listeners).toHaveLength(1))
    const { id } = await alice.rtc.createRoom(options)
    im.command(cmd, { room_id: id })
    expect(await calls.next()).toMatchObject({ type: 'ringing', answeredHere: false, room: { id, callerId: 'alice' } })
    expect(bob.rtc.ringing.map((room) => room.id)).toEqual([id])
    await alice.rtc.endRoom(id)
    line.allowSockets()
    expect(inWords(await calls.next())).toBe(`cancelled ${id}`)
    expect(bob.rtc.ringing).toEqual([])
  })

  it('does not ring unless the gateway confirms it', async () => {
    const [world, im] = [await startClientWorld(), new WukongimDouble()]
    const line = await httpOnly(world.url)
    const [alice, carol] = [await world.client('alice'), await world.client('carol')]
    const bob = await world.client('bob', { url: line.url, im: { ...IM, sdk: im } })
    const calls = listen(bob, 'incomingCall')
    await vi.waitFor(() => expect(im.listeners).toHaveLength(1))
    const others = await alice.rtc.createRoom({ type: 'p2p', userId: 'carol' })
    const ended = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    await alice.rtc.endRoom(ended.id)
    await bob.rtc.blockUser('carol')
    const silent = await carol.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    for (const room_id of [others.id, ended.id, silent.id, crypto.randomUUID(), 'no id', '', 7, undefined]) {
      im.command('rtc.p2p.invoke', { room_id })
    }
    for (const param of [undefined, null, 'text', {}]) im.command('room.invoke', param)
    im.command('rtc.p2p.hangup', { room_id: ended.id })
    const rings = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob', mediaType: 'audio' })
    im.command('rtc.p2p.invoke', { room_id: rings.id })
    expect(inWords(await calls.next())).toBe(`ringing ${rings.id}`)
    expect(calls.waiting).toEqual([])
  })

  it('is not listened to any more without a listener for incomingCall', async () => {
    const [world, im] = [await startClientWorld(), new WukongimDouble()]
    const bob = await world.client('bob', { im: { ...IM, sdk: im } })
    expect(im.listeners).toEqual([])
    const stop = bob.rtc.on('incomingCall', () => undefined)
    await vi.waitFor(() => expect(im.listeners).toHaveLength(1))
    stop()
    expect(im.listeners).toEqual([])
    // The application connects its own SDK.
    expect(im.isConnected).toBe(false)
  })
})

describe('the package wukongimjssdk', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('is missing: the calls arrive through the gateway, and a notice says so', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob', { im: IM })]
    const calls = listen(bob, 'incomingCall')
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    expect(inWords(await calls.next())).toBe(`ringing ${id}`)
    await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(1))
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('install the npm package wukongimjssdk'))
  })

  it.each(['default', 'WKSDK'])('is connected to what im names, exported as %s', async (name) => {
    const im = new WukongimDouble()
    const rings: string[] = []
    const part = new ImRings({
      options: IM,
      uid: () => 'bob',
      token: () => 'the token',
      onRing: (roomId) => void rings.push(roomId),
      load: () => Promise.resolve({ [name]: { shared: () => im } }),
    })
    part.start()
    await vi.waitFor(() => expect(im.isConnected).toBe(true))
    expect(im.config).toEqual({
      addr: 'ws://localhost:5200',
      deviceFlag: 2,
      uid: 'bob',
      token: 'the token',
      heartbeatInterval: 60_000,
    })
    im.command('room.invoke', { room_id: 'a room' })
    part.stop()
    im.command('room.invoke', { room_id: 'another' })
    expect([rings, im.isConnected, im.listeners]).toEqual([['a room'], false, []])
  })
})
