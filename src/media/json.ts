import { z } from 'zod'
import { MEDIA_PROVIDERS } from '../core/media-provider.ts'
import type { MediaConnection } from './connection.ts'

export const IceServerJson = z.object({
  urls: z.array(z.string()),
  username: z.string().optional(),
  credential: z.string().optional(),
})

export const ConnectionJson = z.object({
  provider: z.enum(MEDIA_PROVIDERS),
  appId: z.string().nullable(),
  url: z.string().nullable(),
  roomId: z.string(),
  userId: z.string(),
  uid: z.int().nullable().describe('With provider agora: the uid that the token admits; null with other providers'),
  token: z.string().nullable(),
  expiresAt: z.iso.datetime(),
  iceServers: z.array(IceServerJson),
  meshMax: z.int().nullable().describe('With provider webrtc: the recommended maximum of participants in a mesh'),
})

export const connectionJson = (connection: MediaConnection) => ({
  ...connection,
  expiresAt: connection.expiresAt.toISOString(),
})
