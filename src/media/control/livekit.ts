import type { ParticipantInfo, RoomServiceClient } from 'livekit-server-sdk'
import { text } from '../../core/variable.ts'
import { isUser } from '../hooks/livekit.ts'
import { define } from '../providers/provider.ts'
import { ControlError, isRetriable, type RoomControl, TOO_MANY } from './control.ts'
import { apiUrl } from './variables.ts'

export interface LivekitControlAccount {
  /** Of the server, for clients or for its API: `wss` counts as `https`. */
  readonly url: string
  readonly apiKey: string
  readonly apiSecret: string
}

/** Seconds. */
const TIMEOUT = 10

/**
 * LiveKit's RoomService: https://docs.livekit.io/reference/other/roomservice-api/
 *
 * LiveKit Cloud refuses tokens from before a removal. A self-hosted server admits them again until they expire.
 */
export function createLivekitControl({ url, apiKey, apiSecret }: LivekitControlAccount): RoomControl {
  let client: Promise<RoomServiceClient> | undefined
  const connect = async () => {
    const { RoomServiceClient: Client } = await import('livekit-server-sdk')
    return new Client(url.replace(/^ws/, 'http'), apiKey, apiSecret, { requestTimeout: TIMEOUT, failover: false })
  }
  /** @returns null if the room or the user does not exist */
  const call = async <T>(run: (service: RoomServiceClient) => Promise<T>): Promise<T | null> => {
    client ??= connect()
    try {
      return await run(await client)
    } catch (error) {
      const { status, code } = error as { status?: number; code?: unknown }
      if (code === 'not_found') return null
      const retriable = typeof status !== 'number' || isRetriable(status)
      const reason = error instanceof Error ? error.message : 'unknown'
      throw new ControlError(`LiveKit refused the call: ${reason}`, {
        retriable,
        overloaded: status === TOO_MANY,
        cause: error,
      })
    }
  }

  return {
    async remove({ roomId, mediaId }, { ban }) {
      // The server's time, with a tolerance of a minute, is compared with the time at which the token became valid.
      const options = ban > 0 ? { revokeTokenTs: BigInt(Math.floor(Date.now() / 1000)) } : {}
      await call((service) => service.removeParticipant(roomId, mediaId, options))
      return null
    },
    async end(roomId) {
      await call((service) => service.deleteRoom(roomId))
    },
    async enteredAt({ roomId, mediaId }) {
      const participant = await call((service) => service.getParticipant(roomId, mediaId))
      return participant && enteredAt(participant)
    },
    async list(roomId) {
      const participants = (await call((service) => service.listParticipants(roomId))) ?? []
      return participants
        .filter(({ kind }) => isUser(kind))
        .map((participant) => ({
          mediaId: participant.identity,
          stay: participant.sid,
          enteredAt: enteredAt(participant),
        }))
    },
  }
}

const enteredAt = ({ joinedAt, joinedAtMs }: ParticipantInfo): Date => new Date(Number(joinedAtMs || joinedAt * 1000n))

export const livekitControl = define({
  variables: { LIVEKIT_CONTROL_API_KEY: text, LIVEKIT_CONTROL_API_SECRET: text },
  options: { LIVEKIT_API_URL: apiUrl.optional() },
  uses: ['LIVEKIT_URL'],
  secrets: ['LIVEKIT_CONTROL_API_SECRET'],
  create: (settings): RoomControl =>
    createLivekitControl({
      url: settings.LIVEKIT_API_URL ?? settings.LIVEKIT_URL,
      apiKey: settings.LIVEKIT_CONTROL_API_KEY,
      apiSecret: settings.LIVEKIT_CONTROL_API_SECRET,
    }),
})
