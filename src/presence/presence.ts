import type { StreamLease, StreamPresence } from '../events/stream.ts'
import type { Executor } from '../rooms/executor.ts'
import { findParticipant } from '../rooms/model.ts'
import type { Leases } from './leases.ts'

interface Dependencies {
  readonly leases: Pick<Leases, 'open'>
  readonly executor: Pick<Executor, 'execute'>
}

/**
 * What a room stream proves about its participant: the stream of the device that holds the seat ends the grace that a
 * lost one has begun. A stream without a device counts for the seat only where the seat has none.
 */
export function createPresence({ leases, executor }: Dependencies): StreamPresence {
  return {
    async enter({ room, userId, deviceId }): Promise<StreamLease | undefined> {
      const participant = findParticipant(room, userId)
      if (!participant || room.status === 'ended') return undefined
      const lease = await leases.open({ roomId: room.id, userId, deviceId })
      if (participant.state === 'joined' && participant.deviceId === deviceId && !participant.connected) {
        await executor.execute(room.id, { type: 'reconnect', userId, deviceId })
      }
      return lease
    },
  }
}
