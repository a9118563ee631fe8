import type { RoomCommand } from './command.ts'
import type { Decision, RoomLimits, Refusal } from './decision.ts'
import { Draft } from './draft.ts'
import { end, endBy, endEmpty, supersede } from './ending.ts'
import { transferHost } from './host.ts'
import { invite, missRing, reject, remove } from './invitation.ts'
import { absent, disconnect, leavePostponed, leaveDisconnected, reconnect } from './presence.ts'
import { join, leave, update } from './membership.ts'
import { reached } from './reach.ts'
import type { Room } from '../model.ts'
import { refusalOfCommand } from '../policy.ts'

/**
 * Decides a command without I/O: returns the resulting events, or a refusal. Passed deadlines are applied first, so that
 * a join one second after the ring timeout finds the call missed.
 *
 * @param now - the server's time, which becomes the time of the events
 */
export function decide(room: Room, command: RoomCommand, now: Date, limits: RoomLimits): Decision {
  const draft = new Draft(room, now)
  applyDeadlines(draft, limits)
  return refusalOfCommand(draft.room, command) ?? applyCommand(draft, command, limits) ?? draft.finish()
}

/** Emits the events of an allowed command, or refuses it because of the room's state. */
function applyCommand(draft: Draft, command: RoomCommand, limits: RoomLimits): Refusal | undefined {
  switch (command.type) {
    case 'join':
      return join(draft, command, limits)
    case 'leave':
      return leave(draft, command, limits)
    case 'end':
      return endBy(draft, command.actor)
    case 'supersede':
      return supersede(draft)
    case 'reject':
      return reject(draft, command)
    case 'invite':
      return invite(draft, command, limits)
    case 'remove':
      return remove(draft, command, limits)
    case 'transferHost':
      return transferHost(draft, command)
    case 'update':
      return update(draft, command)
    case 'disconnect':
      return disconnect(draft, command, limits)
    case 'reconnect':
      return reconnect(draft, command)
    case 'absent':
      return absent(draft, command, limits)
    case 'reached':
      return reached(draft, command)
    case 'tick':
      return undefined
    default:
      return command satisfies never
  }
}

/** Applies every deadline that has passed, in the order in which they fell due. */
function applyDeadlines(draft: Draft, limits: RoomLimits): void {
  for (let deadline = draft.firstPassed(); deadline; deadline = draft.firstPassed()) {
    if (deadline.kind === 'expiry') end(draft, 'expired', null)
    else if (deadline.kind === 'empty') endEmpty(draft)
    else if (deadline.kind === 'ring') missRing(draft, deadline.participant)
    else if (deadline.kind === 'leave') leavePostponed(draft, deadline.participant, limits)
    else leaveDisconnected(draft, deadline.participant, limits)
  }
}
