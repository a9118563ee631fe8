import { type Actor, isAdmin } from '../core/actor.ts'
import { pairKey, type Rates } from '../limits/rates.ts'
import type { CreateRoom } from './input.ts'
import { findParticipant, type Room } from './model.ts'

/** What a declined call costs beyond the call: whoever is declined again and again has to pause. */
const DECLINED_COST = 4

/** In whose name somebody creates a room, and whose rates and quotas it counts for. */
export const callerOf = (actor: Actor, { callerId }: Pick<CreateRoom, 'callerId'>): string =>
  isAdmin(actor) ? (callerId ?? actor.id) : actor.id

/** What each use case of rooms counts as. Each throws RATE_LIMITED. */
export interface Charges {
  command(actor: Actor): void
  create(actor: Actor, input: CreateRoom): void
  invite(actor: Actor, userIds: readonly string[]): void
  join(actor: Actor): void
  /** Somebody has declined: the one who called or invited is charged. Never throws. */
  declined(room: Room, userId: string): void
}

export function createCharges(rates: Rates): Charges {
  const command = (actor: Actor): void => rates.count(actor, 'command')

  const invite = (callerId: string, userIds: readonly string[]): void => {
    if (userIds.length === 0) return
    rates.take('invite', callerId, userIds.length)
    for (const userId of userIds) rates.take('redial', pairKey(callerId, userId))
  }

  return {
    command,

    create(actor, input) {
      command(actor)
      const callerId = callerOf(actor, input)
      rates.take('create', callerId)
      if (input.metadata) rates.take('metadata', callerId, kibibytes(input.metadata))
      if (input.type === 'group') invite(callerId, input.participantIds)
      else if (input.calleeId !== null) {
        rates.take('ring', callerId)
        rates.take('redial', pairKey(callerId, input.calleeId))
      }
    },

    invite(actor, userIds) {
      command(actor)
      invite(actor.id, userIds)
    },

    join(actor) {
      command(actor)
      rates.count(actor, 'join')
    },

    declined(room, userId) {
      const isDeclined = findParticipant(room, userId)?.state === 'rejected'
      if (isDeclined) rates.charge('redial', pairKey(room.callerId, userId), DECLINED_COST)
    },
  }
}

const kibibytes = (metadata: object): number => Buffer.byteLength(JSON.stringify(metadata)) / 1024
