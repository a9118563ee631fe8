import type { WebhookEvent } from 'livekit-server-sdk'
import { text } from '../../core/variable.ts'
import { define } from '../providers/provider.ts'
import { type Hook, type MediaEvent, type MediaReport, timeAt, unauthenticated } from './hook.ts'

export interface LivekitHookKey {
  readonly apiKey: string
  readonly apiSecret: string
}

/** STANDARD of LiveKit's `ParticipantInfo.Kind`; others are agents, recorders and telephone lines. */
export const isUser = (kind: number): boolean => kind === 0

/**
 * Reasons for which LiveKit ended a stay although neither the user nor anybody else wanted it: SERVER_SHUTDOWN,
 * STATE_MISMATCH, JOIN_FAILURE, SIGNAL_CLOSE, CONNECTION_TIMEOUT, MEDIA_FAILURE of its `DisconnectReason`.
 */
const LOST: ReadonlySet<number> = new Set([3, 6, 7, 9, 14, 15])

/** LiveKit's webhooks: https://docs.livekit.io/home/server/webhooks/ */
export const createLivekitHook = ({ apiKey, apiSecret }: LivekitHookKey): Hook => ({
  reply: '{}',
  async receive({ headers, body }) {
    const { WebhookReceiver } = await import('livekit-server-sdk')
    let event: WebhookEvent
    try {
      // The header is a JWT without `Bearer`; it expires after minutes and contains the hash of the body.
      event = await new WebhookReceiver(apiKey, apiSecret).receive(body.toString(), headers.authorization)
    } catch (error) {
      throw unauthenticated(`The signature is missing or wrong: ${error instanceof Error ? error.message : 'unknown'}`)
    }
    return [...presence(event), ...missed(event)]
  },
})

/** The server has dropped webhooks, as when the gateway was away for long. */
const missed = ({ numDropped, room }: WebhookEvent): readonly MediaReport[] =>
  numDropped > 0 && room ? [{ kind: 'missed', roomId: room.name }] : []

function presence({ event, room, participant, createdAt }: WebhookEvent): readonly MediaEvent[] {
  const kind = kindOf(event, participant?.disconnectReason)
  if (!kind || !room || !participant || !isUser(participant.kind)) return []
  return [
    {
      kind,
      roomId: room.name,
      mediaId: participant.identity,
      position: timeAt(Number(participant.joinedAtMs || participant.joinedAt * 1000n)).getTime(),
      stay: participant.sid,
      at: timeAt(Number(createdAt) * 1000),
    },
  ]
}

function kindOf(event: string, reason = 0): MediaEvent['kind'] | undefined {
  if (event === 'participant_joined') return 'joined'
  if (event === 'participant_connection_aborted') return 'lost'
  if (event === 'participant_left') return LOST.has(reason) ? 'lost' : 'left'
  return undefined
}

export const livekitHook = define({
  variables: { LIVEKIT_WEBHOOK_API_KEY: text, LIVEKIT_WEBHOOK_API_SECRET: text },
  secrets: ['LIVEKIT_WEBHOOK_API_SECRET'],
  create: (settings): Hook =>
    createLivekitHook({
      apiKey: settings.LIVEKIT_WEBHOOK_API_KEY,
      apiSecret: settings.LIVEKIT_WEBHOOK_API_SECRET,
    }),
})
