/** The media providers. Each is implemented by a file in `src/media/providers`. */
export const MEDIA_PROVIDERS = ['webrtc', 'volcengine', 'livekit', 'tencent', 'agora'] as const

export type MediaProvider = (typeof MEDIA_PROVIDERS)[number]
