import type { MediaService } from '../media/providers.ts'
import { findParticipant, type Participant, type Room, uidOf } from '../rooms/model.ts'

/** Services that identify users by their uid, as a decimal number. */
const BY_UID: ReadonlySet<MediaService> = new Set<MediaService>(['agora'])

/** The participant as the service knows them. */
export const mediaIdOf = (service: MediaService, participant: Participant): string =>
  BY_UID.has(service) ? String(uidOf(participant)) : participant.userId

/** The participant whom the service reports; undefined for somebody who never was one. */
export const participantOf = (room: Room, service: MediaService, mediaId: string): Participant | undefined =>
  BY_UID.has(service)
    ? room.participants.find((participant) => String(uidOf(participant)) === mediaId)
    : findParticipant(room, mediaId)

/** Whether the room's media is at this service. */
export const isAt = (service: MediaService, room: Pick<Room, 'provider'>): boolean => room.provider === service
