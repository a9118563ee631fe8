import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { constantKind, type DestinationKind } from '../delivery/destination.ts'
import { onlineHintOf, WukongimClient } from './client.ts'
import { createWukongimDestination } from './destination.ts'
import type { Room } from '../rooms/model.ts'
import type { WukongimConfig, WukongimSecrets } from './variables.ts'

interface Dependencies {
  readonly config: WukongimConfig
  readonly secrets: WukongimSecrets
  load(roomId: string): Promise<Room | null>
  reached(roomId: string, userId: string): Promise<void>
  readonly clock: Clock
  readonly log: Logger
}

/** WukongIM as a receiver of events; does no I/O. */
export function createWukongim({ config, secrets, ...rest }: Dependencies): DestinationKind {
  const client = new WukongimClient({ url: config.url, token: secrets.wukongimToken }, () => rest.clock.now())
  return constantKind(createWukongimDestination({ ...rest, client, onlineHint: onlineHintOf(client) }))
}
