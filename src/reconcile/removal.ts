import { ControlError, type MediaUser } from '../media/control/control.ts'
import type { Media } from '../media/connection.ts'
import type { Controls, MediaService } from '../media/providers.ts'
import type { Observer } from '../core/observer.ts'
import type { Room } from '../rooms/model.ts'
import { participantOf } from './identity.ts'
import type { StayStore } from './stay-store.ts'

interface Dependencies {
  readonly controls: Controls
  readonly store: Pick<StayStore, 'find' | 'addBan' | 'bansOf' | 'removeBan'>
  readonly media: Pick<Media, 'lifetimeOf'>
  readonly observer: Observer
}

/** Seconds by which a ban outlasts the tokens that it makes useless, for differences between clocks. */
const BAN_MARGIN = 60
/** Milliseconds by which the clocks of the gateway and of a service may differ. */
const CLOCK_DIFFERENCE = 5_000

/**
 * Removes users at the media services. Every operation may be repeated, and does nothing if the room control of the service
 * is not configured.
 *
 * @throws ControlError from each operation if the service refuses it or is away
 */
export class MediaRemoval {
  readonly #dependencies: Dependencies

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Removes a user who may not be there; one whom the host has removed is also banned while their token is valid. */
  async remove(service: MediaService, room: Room, mediaId: string): Promise<void> {
    const control = this.#dependencies.controls[service]
    if (!control) return
    const isRemoved = participantOf(room, service, mediaId)?.state === 'removed'
    const place = { roomId: room.id, mediaId }
    await this.#call(service, 'remove', async () => {
      const ban = await control.remove(place, { ban: isRemoved ? this.#banOf(service) : 0 })
      if (ban !== null) await this.#dependencies.store.addBan(place, ban)
    })
  }

  /**
   * Removes what was at the service before `before`: the device that another one has replaced. Does nothing if the service
   * does not tell, or if the new device has entered already, which disconnects the old one.
   */
  async removeReplaced(service: MediaService, place: MediaUser, before: Date): Promise<void> {
    const control = this.#dependencies.controls[service]
    if (!control) return
    const enteredAt = control.enteredAt ? await control.enteredAt(place) : await this.#lastEntry(place)
    if (!enteredAt || enteredAt.getTime() > before.getTime() - CLOCK_DIFFERENCE) return
    await this.#call(service, 'remove', () => control.remove(place, { ban: 0 }))
  }

  /** Removes everybody, for good: the room has ended. */
  async end(service: MediaService, roomId: string): Promise<void> {
    const control = this.#dependencies.controls[service]
    if (control) await this.#call(service, 'end', () => control.end(roomId, { ban: this.#banOf(service) }))
  }

  /** Ends the bans of those who may join again. */
  async liftBans(service: MediaService, room: Room): Promise<void> {
    const { controls, store } = this.#dependencies
    const control = controls[service]
    if (!control) return
    for (const { ban, ...place } of await store.bansOf(room.id)) {
      if (participantOf(room, service, place.mediaId)?.state === 'removed') continue
      await this.#call(service, 'lift', async () => control.lift?.(place, ban))
      await store.removeBan(place, ban)
    }
  }

  async #lastEntry(place: MediaUser): Promise<Date | null> {
    const stay = await this.#dependencies.store.find(place)
    return stay?.present ? stay.at : null
  }

  readonly #banOf = (service: MediaService): number => this.#dependencies.media.lifetimeOf(service) + BAN_MARGIN

  async #call(service: MediaService, action: 'remove' | 'end' | 'lift', run: () => Promise<unknown>): Promise<void> {
    const { observer } = this.#dependencies
    try {
      await run()
      observer.mediaControl?.({ service, action, outcome: 'ok' })
    } catch (error) {
      const isRefused = error instanceof ControlError && !error.retriable
      observer.mediaControl?.({ service, action, outcome: isRefused ? 'refused' : 'failed' })
      throw error
    }
  }
}
