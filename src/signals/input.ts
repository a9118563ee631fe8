import { z } from 'zod'
import { RtcError } from '../core/errors.ts'
import { JsonObject, UserId } from '../rooms/input.ts'
import { type Payload, SIGNAL_TYPES } from './model.ts'

export const SendSignal = z.strictObject({ toId: UserId, type: z.enum(SIGNAL_TYPES), payload: JsonObject })
export type SendSignal = z.infer<typeof SendSignal>

const PAYLOAD_MAX_BYTES = 32 * 1024

/** @throws RtcError PAYLOAD_TOO_LARGE */
export function requirePayloadFits(payload: Payload): void {
  if (Buffer.byteLength(JSON.stringify(payload)) > PAYLOAD_MAX_BYTES) {
    throw new RtcError('PAYLOAD_TOO_LARGE', `payload exceeds ${PAYLOAD_MAX_BYTES} bytes as JSON.`)
  }
}
