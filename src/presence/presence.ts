import type { StreamLease, StreamPresence } from '../events/stream.ts'
import type { Executor } from '../rooms/executor.ts'
import { findParticipant } from '../rooms/model.ts'
import type { LeaseHolder } from './lease-store.ts'
import type { Leases } from './leases.ts'

interface Dependencies {
  readonly leases: Pick<Leases, 'open'>
  readonly executor: Pick<Executor, 'execute'>
}

/**
 * Connects room streams with presence: each stream acquires a lease, and a stream of the device that the participant joined
 * with ends their grace. A stream without a deviceId does so only if the participant joined without one.
 */
export function createPresence({ leases, executor }: Dependencies): StreamPresence {
  const reconnect = async ({ roomId, ...device }: LeaseHolder, lease: StreamLease): Promise<void> => {
    try {
      await executor.execute(roomId, { type: 'reconnect', ...device })
    } catch (error) {
      // The stream will not open, so it cannot release the lease.
      lease.release({ lost: true })
      throw error
    }
  }

  return {
    async enter({ room, userId, deviceId }): Promise<StreamLease | undefined> {
      const participant = findParticipant(room, userId)
      if (!participant || room.status === 'ended') return undefined
      const lease = await leases.open({ roomId: room.id, userId, deviceId })
      if (participant.state === 'joined' && participant.deviceId === deviceId && !participant.connected) {
        await reconnect({ roomId: room.id, userId, deviceId }, lease)
      }
      return lease
    },
  }
}
