import type { RoomCommand } from './command.ts'
import type { Decision, RoomLimits, Refusal } from './decision.ts'
import { Draft } from './draft.ts'
import { end, endBy, endEmpty, supersede } from './ending.ts'
import { transferHost } from './host.ts'
import { invite, missRing, reject, remove } from './invitation.ts'
import { absent, disconnect, leavePostponed, leaveDisconnected, reconnect } from './presence.ts'
import { join, leave, update } from './membership.ts'
import type { Room } from '../model.ts'
import { refusalOfCommand } from '../policy.ts'

/**
 * Everything that can happen to a room, decided without I/O: the events that follow, or why not.
 * Deadlines that have passed come first: whoever joins a second after the last ring finds the call missed.
 *
 * @param now - the server's time; it becomes the time of the events
 */
export function decide(room: Room, command: RoomCommand, now: Date, limits: RoomLimits): Decision {
  const draft = new Draft(room, now)
  applyDeadlines(draft, limits)
  return refusalOfCommand(draft.room, command) ?? applyCommand(draft, command, limits) ?? draft.finish()
}

/** Emits what follows from a command that is allowed, or answers why it is not possible now. */
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
    case 'tick':
      return undefined
    default:
      return command satisfies never
  }
}

/** Applies every deadline that has passed, in the order in which they fell due. */
function applyDeadlines(draft: Draft, limits: RoomLimits): void {
  for (let due = draft.firstPassed(); due; due = draft.firstPassed()) {
    if (due.kind === 'expiry') end(draft, 'expired', null)
    else if (due.kind === 'empty') endEmpty(draft)
    else if (due.kind === 'ring') missRing(draft, due.participant)
    else if (due.kind === 'leave') leavePostponed(draft, due.participant, limits)
    else leaveDisconnected(draft, due.participant, limits)
  }
}
