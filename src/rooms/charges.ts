import { type Actor, isAdmin } from '../core/actor.ts'
import { pairKey, type Rates } from '../limits/rates.ts'
import type { CreateRoom } from './input.ts'
import { findParticipant, type Room } from './model.ts'

/** Extra `redial` cost of a declined call: a caller who is declined repeatedly has to wait. */
const DECLINED_COST = 4

/** The user in whose name the room is created; the room counts for this user's rates and quotas. */
export const callerOf = (actor: Actor, { callerId }: Pick<CreateRoom, 'callerId'>): string =>
  isAdmin(actor) ? (callerId ?? actor.id) : actor.id

/** The rates that each use case of rooms counts against. Every method throws RATE_LIMITED unless stated otherwise. */
export interface Charges {
  command(actor: Actor): void
  create(actor: Actor, input: CreateRoom): void
  invite(actor: Actor, userIds: readonly string[]): void
  join(actor: Actor): void
  /** Charges the caller when the user has declined. Never throws. */
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
