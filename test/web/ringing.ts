import { afterEach } from 'vitest'
import { useCallPages } from './pages.ts'

/** Pages of bob, whom anybody rings; after each test, every room of his has ended for him. */
export function useRingingBob() {
  const pages = useCallPages({ env: { RING_TIMEOUT: '60', RINGING_MAX: '12', RATE_LIMITS: 'off' } })
  afterEach(async () => {
    const bob = await pages.world.person('bob')
    const { body } = await bob.rest('GET', '/rooms?first=100')
    const rooms = body.rooms.filter(({ status }: { status: string }) => status !== 'ended')
    await Promise.all(rooms.map(({ id }: { id: string }) => bob.rest('POST', `/rooms/${id}/leave`)))
  })

  const open = (viewport?: { width: number; height: number }) => pages.open('bob', viewport ? { viewport } : {})
  const ring = async (callerId: string, room: object = {}) => {
    const caller = await pages.world.person(callerId)
    const { body } = await caller.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', ...room })
    await caller.rest('POST', `/rooms/${body.id}/join`)
    return { caller, id: body.id as string }
  }
  return { pages, open, ring }
}
