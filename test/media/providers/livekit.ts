import { jwtVerify } from 'jose'
import type { TokenContent } from './admission.ts'

export const LIVEKIT = {
  url: 'wss://livekit.example',
  apiKey: 'APIkeyOfTheTests',
  apiSecret: 'the secret of the livekit server, 32 bytes or more',
}

export interface LivekitToken extends TokenContent {
  readonly grants: Readonly<Record<string, unknown>>
}

/** Reads a LiveKit JWT; throws unless this key's secret has signed it and it is valid at this moment. */
export async function readLivekitToken(
  token: string,
  { apiSecret, now = new Date() }: { apiSecret?: string; now?: Date } = {},
): Promise<LivekitToken> {
  const secret = new TextEncoder().encode(apiSecret ?? LIVEKIT.apiSecret)
  const { payload } = await jwtVerify<{ video: Record<string, unknown> }>(token, secret, {
    algorithms: ['HS256'],
    issuer: LIVEKIT.apiKey,
    requiredClaims: ['sub', 'nbf', 'exp', 'video'],
    currentDate: now,
    // The library reads the clock slightly later than the test.
    clockTolerance: 1,
  })
  const { sub = '', nbf = 0, exp = 0, video } = payload
  return {
    userId: sub,
    issuedAt: nbf,
    expiresAt: exp,
    grants: video,
    ...(typeof video['room'] === 'string' && { roomId: video['room'] }),
    mayPublish: video['canPublish'] !== false || video['canPublishData'] !== false,
    maySubscribe: video['canSubscribe'] === true,
  }
}
