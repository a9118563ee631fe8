import type { DeliveryAttempt, DeliveryOutcome, Destination } from '../../src/delivery/destination.ts'
import { constantKind, DELIVERED } from '../../src/delivery/destination.ts'
import type { RoomUpdate } from '../../src/events/event.ts'
import { createConditions } from '../conditions.ts'

/** A destination that records what it receives. */
export interface Receiver extends Destination {
  /** Every update for which the outcome was `delivered`, in the order of arrival. */
  readonly received: readonly RoomUpdate[]
  /** Resolves when the condition holds, which is checked after every attempt. */
  until(holds: () => boolean): Promise<void>
  /** Resolves when `count` updates have been delivered. */
  untilReceived(count: number): Promise<void>
}

type Behaviour = (update: RoomUpdate, attempt: DeliveryAttempt) => DeliveryOutcome | Promise<DeliveryOutcome>

export function receiver(
  id: string,
  behave: Behaviour = () => DELIVERED,
  options: Partial<Pick<Destination, 'parallel' | 'delayAfter' | 'wants'>> = {},
): Receiver {
  const received: RoomUpdate[] = []
  const { until, check } = createConditions()
  return {
    id,
    kind: 'test',
    wants: () => true,
    ...options,
    received,
    until,
    untilReceived: (count) => until(() => received.length >= count),
    async deliver(update, attempt) {
      const outcome = await behave(update, attempt)
      if (outcome.kind === 'delivered') received.push(update)
      check()
      return outcome
    },
  }
}

/** The receivers as destinations of an app. */
export const destinationsOf = (...receivers: readonly Receiver[]) => ({ destinations: [constantKind(...receivers)] })

/** The numbers of a room's received events. */
export const seqsOf = ({ received }: Receiver, roomId: string): number[] =>
  received.filter(({ room }) => room.id === roomId).map(({ seq }) => seq)
