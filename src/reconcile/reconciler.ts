import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import { levelOf } from '../core/failures.ts'
import { forEach } from '../core/for-each.ts'
import { canonicalUuid } from '../core/ids.ts'
import type { Logger } from '../core/logger.ts'
import type { MediaEventOutcome, Observer } from '../core/observer.ts'
import { PeriodicJob } from '../core/periodic-job.ts'
import { isStorable } from '../core/storable.ts'
import { ControlError } from '../media/control/control.ts'
import type { MediaEvent, MediaReport } from '../media/hooks/hook.ts'
import { type Controls, MEDIA_SERVICES, type MediaService } from '../media/providers.ts'
import type { Executor } from '../rooms/executor.ts'
import type { Room } from '../rooms/model.ts'
import { isAt, participantOf } from './identity.ts'
import type { MediaRemoval } from './removal.ts'
import type { MediaStay, StayStore } from './stay-store.ts'

interface Dependencies {
  readonly store: StayStore
  readonly executor: Pick<Executor, 'load' | 'execute'>
  readonly removal: Pick<MediaRemoval, 'remove'>
  readonly controls: Controls
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}

/** Milliseconds between two searches for reports that were not acted on when they arrived. */
const INTERVAL = 1_000
const BATCH = 50
/** Reports acted on concurrently; leaves the other database connections to requests. */
const CONCURRENCY = 4
/** Milliseconds after which a report is acted on again if the node has died or the service was away. */
const RETRY = 30_000
/** Rooms that may wait to be listed. */
const MISSED_MAX = 1_000
/** Length of a service's name of a user. */
const MEDIA_ID_MAX = 256

/**
 * Compares what the media services report with the log, and acts on the difference: who is at the media without having
 * joined is removed there; who lost the media begins their grace.
 *
 * A report is recorded first, if it is newer than what is known, and then acted on by any node, until that has succeeded.
 * Acting depends on the last report and on the room as it is, so repeated and reordered reports have no effect.
 */
export class MediaReconciler {
  readonly job: PeriodicJob
  readonly #dependencies: Dependencies
  /** Rooms of which reports are missing. Kept in memory only: the reports would not have been repeated either. */
  readonly #missed = new Map<string, MediaService>()

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    const { log, observer } = dependencies
    this.job = new PeriodicJob({ name: 'media reports', interval: INTERVAL, log, observer }, () => this.#actOnDue())
  }

  /** Resolves when the reports are recorded. */
  async receive(service: MediaService, reports: readonly MediaReport[]): Promise<void> {
    for (const report of reports) {
      const outcome = report.kind === 'missed' ? 'missed' : await this.#record(service, report)
      this.#dependencies.observer.mediaEvent?.({ service, outcome })
      if (report.kind === 'missed' && this.#missed.size < MISSED_MAX) this.#missed.set(report.roomId, service)
    }
    if (reports.length > 0) this.job.runNow()
  }

  async #record(service: MediaService, event: MediaEvent): Promise<MediaEventOutcome> {
    const { store, clock } = this.#dependencies
    const room = await this.#find(event.roomId)
    if (!room || !isAt(service, room)) return 'unknown_room'
    const names = [event.mediaId, event.stay ?? '']
    const isNameable = names.every((name) => isStorable(name) && name.length <= MEDIA_ID_MAX)
    const isKnown = participantOf(room, service, event.mediaId) !== undefined
    // A stranger who has entered is removed; nothing else about a stranger matters.
    if (!isNameable || (!isKnown && event.kind !== 'joined')) return 'unknown_user'
    return (await store.record({ ...event, roomId: room.id }, clock.now())) ? event.kind : 'outdated'
  }

  async #find(roomId: string): Promise<Room | null> {
    try {
      return await this.#dependencies.executor.load(canonicalUuid(roomId))
    } catch (error) {
      if (error instanceof RtcError && error.code === 'NOT_FOUND') return null
      throw error
    }
  }

  /** Lists who is in the rooms of which reports are missing, and records the difference. */
  async #listMissed(): Promise<void> {
    const { log } = this.#dependencies
    for (const [roomId, service] of this.#missed) {
      this.#missed.delete(roomId)
      try {
        for (const event of await this.#differenceIn(service, roomId)) await this.#record(service, event)
      } catch (error) {
        log[levelOf(error)]({ roomId, service, err: error }, 'could not list who is at the media')
      }
    }
  }

  async #differenceIn(service: MediaService, roomId: string): Promise<readonly MediaEvent[]> {
    const { controls, store, clock } = this.#dependencies
    const control = controls[service]
    const room = await this.#find(roomId)
    if (!control?.list || !room || !isAt(service, room)) return []
    // Before the list, so that nobody who enters meanwhile counts as gone.
    const known = await store.presentIn(room.id)
    const listed = await control.list(room.id)
    const present = new Set(listed.map(({ mediaId }) => mediaId))
    const at = clock.now()
    return [
      ...known.filter(({ mediaId }) => !present.has(mediaId)).map((stay) => ({ ...stay, kind: 'left' as const, at })),
      ...listed.map(({ enteredAt, ...user }) => ({
        ...user,
        kind: 'joined' as const,
        roomId: room.id,
        position: enteredAt.getTime(),
        at: enteredAt,
      })),
    ]
  }

  async #actOnDue(): Promise<boolean> {
    await this.#listMissed()
    const { store, clock, log } = this.#dependencies
    const now = clock.now()
    const due = await store.claimDue(now, new Date(now.getTime() + RETRY), BATCH)
    await forEach(due, { concurrency: CONCURRENCY }, async (stay) => {
      try {
        await this.#act(stay)
        await store.settle(stay)
      } catch (error) {
        const { roomId, mediaId } = stay
        log[levelOf(error)]({ roomId, mediaId, err: error }, 'could not act on a report of a media service')
        // Another attempt would be refused, too.
        if (error instanceof ControlError && !error.retriable) await store.settle(stay)
      }
    })
    return due.length === BATCH
  }

  async #act({ roomId, mediaId, present, lost }: MediaStay): Promise<void> {
    const { executor, removal, log } = this.#dependencies
    const room = await this.#find(roomId)
    const service = MEDIA_SERVICES.find((name) => name === room?.provider)
    if (!room || !service) return
    const participant = participantOf(room, service, mediaId)
    const isJoined = room.status !== 'ended' && participant?.state === 'joined'
    if (present && !isJoined) {
      log.info({ roomId, mediaId, service }, 'removing a user who is at the media without having joined')
      await removal.remove(service, room, mediaId)
    } else if (isJoined && (present || lost)) {
      const { userId, deviceId } = participant
      const type = present ? 'reconnect' : 'disconnect'
      await executor.execute(roomId, { type, userId, deviceId, of: 'media' })
    }
  }
}
