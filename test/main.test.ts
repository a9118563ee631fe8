import { expect, test } from 'vitest'
import { killServer } from './db/data-dir.ts'
import { openPeer, subscribe } from './peer.ts'
import { runGateway, startGateway, withDirectory, withPreparedData } from './process.ts'
import type { Answer } from './world.ts'

async function rest(
  url: string,
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
): Promise<Pick<Answer, 'status' | 'body'>> {
  const response = await fetch(`${url}/im/api/v1/rtc${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json() }
}

test('starts by one command with an embedded database and valid tokens, and stops cleanly', async () => {
  await withDirectory(async (DATA_DIR) => {
    const first = await startGateway({ DATA_DIR })
    const { url, tokens } = first
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    const created = await rest(url, tokens['alice'], 'POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    expect(created.status).toBe(201)
    expect(await first.stop('SIGTERM')).toBe(0)

    const second = await startGateway({ DATA_DIR })
    const found = await rest(second.url, tokens['bob'], 'GET', `/rooms/${created.body.id}`)
    expect(found).toEqual({ status: 200, body: created.body })
    expect(await second.stop('SIGINT')).toBe(0)
  })
})

test('a second gateway on the same data directory shares the database and delivers events of the first', async () => {
  await withPreparedData(async (DATA_DIR) => {
    const first = await startGateway({ DATA_DIR })
    const second = await startGateway({ DATA_DIR })
    const { tokens } = first
    const { body: room } = await rest(first.url, tokens['alice'], 'POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    const peer = await openPeer(second.url, { token: second.tokens['alice'] ?? '' })
    peer.send(subscribe('1', `subscription { roomUpdated(roomId: "${room.id}") { type participant { userId } } }`))
    expect((await peer.receive()).payload.data.roomUpdated.type).toBe('SNAPSHOT')
    await rest(first.url, tokens['bob'], 'POST', `/rooms/${room.id}/join`)
    expect((await peer.receive()).payload.data.roomUpdated).toEqual({
      type: 'PARTICIPANT_JOINED',
      participant: { userId: 'bob' },
    })
    expect(await first.stop('SIGINT')).toBe(0)
    expect((await fetch(`${second.url}/health/ready`)).status).toBe(200)
    expect(await second.stop('SIGINT')).toBe(0)
  })
})

test('keeps every acknowledged command when it is killed during writes', async () => {
  await withPreparedData(async (DATA_DIR) => {
    const first = await startGateway({ DATA_DIR, RATE_LIMITS: 'off' })
    const { url, tokens } = first
    const group = { type: 'group', participantIds: ['bob'] }
    const { body: room } = await rest(url, tokens['alice'], 'POST', '/rooms', group)
    const acknowledged: string[] = []
    let seq = room.seq
    const writing = Array.from({ length: 8 }, async () => {
      for (;;) {
        const created = await rest(url, tokens['alice'], 'POST', '/rooms', group)
        acknowledged.push(created.body.id)
        const verb = acknowledged.length % 2 ? 'join' : 'leave'
        const changed = await rest(url, tokens['bob'], 'POST', `/rooms/${room.id}/${verb}`)
        seq = Math.max(seq, changed.body.seq)
      }
    }).map((writer) => writer.catch(() => undefined))
    await expect.poll(() => acknowledged.length, { timeout: 15_000 }).toBeGreaterThan(100)
    await first.stop('SIGKILL')
    await Promise.all(writing)

    const second = await startGateway({ DATA_DIR })
    expect(second.output()).toContain('left running by an earlier start')
    for (const id of acknowledged) {
      expect(await rest(second.url, tokens['alice'], 'GET', `/rooms/${id}`)).toMatchObject({
        status: 200,
        body: { id },
      })
    }
    expect((await rest(second.url, tokens['alice'], 'GET', `/rooms/${room.id}`)).body.seq).toBeGreaterThanOrEqual(seq)
    expect(await second.stop('SIGTERM')).toBe(0)
  })
})

test('restarts a killed embedded database without loss of data', async () => {
  await withPreparedData(async (DATA_DIR) => {
    const { url, tokens, stop } = await startGateway({ DATA_DIR })
    const { body: room } = await rest(url, tokens['alice'], 'POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    await killServer(DATA_DIR, 'SIGKILL')
    await expect
      .poll(() => rest(url, tokens['bob'], 'GET', `/rooms/${room.id}`), { timeout: 30_000 })
      .toEqual({
        status: 200,
        body: room,
      })
    await expect.poll(async () => (await fetch(`${url}/health/ready`)).status, { timeout: 10_000 }).toBe(200)
    expect(await stop('SIGTERM')).toBe(0)
  })
})

test('an invalid configuration fails the start with one error that lists every problem', async () => {
  const { code, stderr } = await runGateway({ PORT: 'x', NODE_ENV: 'production', RING_TIMEOUT: 'soon' })
  expect(code).toBe(1)
  for (const name of ['PORT', 'JWT_SECRET', 'RING_TIMEOUT']) expect(stderr).toContain(name)
  expect(stderr).not.toMatch(/ at /)
})

test('a port in use fails the start with a one-line error and stops the database', async () => {
  await withPreparedData(async (DATA_DIR) => {
    const first = await startGateway({ DATA_DIR })
    const { code, stderr } = await runGateway({ DATA_DIR: `${DATA_DIR}/other`, PORT: new URL(first.url).port })
    expect([code, stderr.trim().split('\n').length]).toEqual([1, 1])
    expect(stderr).toContain('PORT')
    await first.stop('SIGTERM')
  })
})
