/** What carries the media of a room. Each has a file in `src/media/providers`. */
export const MEDIA_PROVIDERS = ['webrtc', 'volcengine', 'livekit', 'tencent', 'agora'] as const

export type MediaProvider = (typeof MEDIA_PROVIDERS)[number]
