import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { constantKind, type DestinationKind } from '../delivery/destination.ts'
import { onlineHintOf, type OnlineHint, WukongimClient } from './client.ts'
import { createWukongimDestination } from './destination.ts'
import type { Room } from '../rooms/model.ts'
import type { WukongimConfig, WukongimSecrets } from './variables.ts'

/** The parts of WukongIM. */
export interface Wukongim {
  readonly kind: DestinationKind
  readonly onlineHint: OnlineHint
}

interface Dependencies {
  readonly config: WukongimConfig
  readonly secrets: WukongimSecrets
  load(roomId: string): Promise<Room | null>
  readonly clock: Clock
  readonly log: Logger
}

/** Wires the parts of WukongIM; does no I/O. */
export function createWukongim({ config, secrets, load, clock, log }: Dependencies): Wukongim {
  const client = new WukongimClient({ url: config.url, token: secrets.wukongimToken }, () => clock.now())
  return {
    kind: constantKind(createWukongimDestination({ client, load, clock, log })),
    onlineHint: onlineHintOf(client),
  }
}
