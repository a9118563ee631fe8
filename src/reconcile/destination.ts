import { type Destination, backOff, DELIVERED, type DeliveryOutcome } from '../delivery/destination.ts'
import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { RoomUpdate } from '../events/event.ts'
import { ControlError } from '../media/control/control.ts'
import type { MediaService } from '../media/providers.ts'
import type { Executor } from '../rooms/executor.ts'
import { findParticipant, type RoomEventType } from '../rooms/model.ts'
import { isAt, mediaIdOf } from './identity.ts'
import type { MediaRemoval } from './removal.ts'
import type { StayStore } from './stay-store.ts'

interface Dependencies {
  readonly removal: MediaRemoval
  readonly store: Pick<StayStore, 'lookAgain' | 'forget'>
  readonly executor: Pick<Executor, 'load'>
  readonly clock: Clock
  readonly log: Logger
}

const WANTED: ReadonlySet<RoomEventType> = new Set<RoomEventType>([
  'participant_invited',
  'participant_left',
  'participant_removed',
  'room_ended',
])
/** Attempts over about two hours; by then tokens have expired. */
const ATTEMPTS_MAX = 30
/**
 * Milliseconds after which an event is skipped, as when room control was not configured for long: no token is valid for more
 * than a day.
 */
const AGE_MAX = 2 * 86_400_000
/** Milliseconds for which all rooms pause when the rate of calls is too high. */
const OVERLOAD_PAUSE = 2_000
/** Milliseconds within which a client that has left the room usually leaves the media by itself. */
const LEAVING = 10_000

/** The media service as a receiver of events: whoever is no longer in a room is removed there. */
export function createMediaDestination(service: MediaService, dependencies: Dependencies): Destination {
  const { removal, store, executor, clock, log } = dependencies

  const apply = async (update: RoomUpdate): Promise<void> => {
    const { type, at, participant } = update
    const roomId = update.room.id
    if (type === 'room_ended') {
      await removal.end(service, roomId)
      await store.forget(roomId)
      return
    }
    const room = await executor.load(roomId)
    // The event of the end follows.
    if (room.status === 'ended') return
    if (type === 'participant_invited') await removal.liftBans(service, room)
    else if (participant) {
      const now = findParticipant(room, participant.userId)
      const place = { roomId, mediaId: mediaIdOf(service, participant) }
      if (now?.state === 'joined') await removal.removeReplaced(service, place, at)
      else if (type === 'participant_left' && participant.leaveReason === 'left') {
        await store.lookAgain(place, new Date(clock.now().getTime() + LEAVING))
      } else await removal.remove(service, room, place.mediaId)
    }
  }

  const outcomeOf = (error: unknown, update: RoomUpdate): DeliveryOutcome => {
    // The room was deleted.
    if (error instanceof RtcError && error.code === 'NOT_FOUND') return DELIVERED
    if (!(error instanceof ControlError)) throw error
    const { message, retriable, overloaded } = error
    log.warn({ roomId: update.room.id, event: update.type, service, retriable, reason: message }, 'room control failed')
    if (!retriable) return { kind: 'given up' }
    return { kind: 'retry', ...(overloaded && { pause: OVERLOAD_PAUSE }) }
  }

  return {
    id: `media:${service}`,
    kind: 'media',
    wants: ({ type }) => WANTED.has(type),
    delayAfter: (attempts) => (attempts < ATTEMPTS_MAX ? backOff(attempts) : null),
    async deliver(update) {
      const age = clock.now().getTime() - update.at.getTime()
      if (!isAt(service, update.room) || age > AGE_MAX) return DELIVERED
      try {
        await apply(update)
        return DELIVERED
      } catch (error) {
        return outcomeOf(error, update)
      }
    },
  }
}
