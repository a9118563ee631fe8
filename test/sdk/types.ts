/** What must and must not compile against the packed types. */
import {
  DeviceFlag,
  type ErrorCode,
  type IncomingCall,
  OpenChatClient,
  type Participant,
  type Room,
  RTCProviderType,
  RtcError,
  type Track,
} from '@openchat/sdk'

const client = new OpenChatClient({
  server: { baseUrl: 'http://localhost:3000' },
  im: { wsUrl: 'ws://localhost:5200', deviceFlag: DeviceFlag.WEB },
  auth: { uid: 'alice', token: 'token', refreshToken: () => Promise.resolve('token') },
})
export const { rtc } = client

export async function compiles(): Promise<void> {
  await rtc.init({ provider: RTCProviderType.VOLCENGINE, appId: 'app', appKey: 'key' })
  const room: Room = await rtc.createRoom({ type: 'p2p', userId: 'bob' })
  await rtc.createRoom({ type: 'group', userIds: ['bob', 'carol'], access: 'link', maxParticipants: 3 })
  const people: readonly Participant[] = await rtc.getParticipants(room.id)
  const status: 'waiting' | 'active' | 'ended' = room.status
  const callee: string | null = room.calleeId
  const stop: () => void = rtc.on('incomingCall', (call: IncomingCall) => rtc.joinRoom(call.room.id))
  rtc.on('trackAdded', ({ mediaStreamTrack, local }: Track) => local || new MediaStream([mediaStreamTrack]))
  rtc.on('error', ({ code }) => explain(code))
  stop()
  const found: string[] = [status, callee ?? '', ...people.map(({ userId }) => userId)]
  found.sort()
}

/** A switch over the codes is exhaustive. */
function explain(code: ErrorCode): string {
  switch (code) {
    case 'ROOM_FULL':
    case 'DEVICE_DENIED':
      return code
    default:
      return 'other'
  }
}

export async function doesNotCompile(room: Room): Promise<void> {
  // @ts-expect-error a call requires userId
  await rtc.createRoom({ type: 'p2p' })
  // @ts-expect-error a group takes userIds
  await rtc.createRoom({ type: 'group', userId: 'bob' })
  // @ts-expect-error a call has no maxParticipants
  await rtc.createRoom({ type: 'p2p', userId: 'bob', maxParticipants: 3 })
  // @ts-expect-error unknown room type
  await rtc.createRoom({ type: 'broadcast' })
  // @ts-expect-error enums are lower case
  await rtc.createRoom({ type: 'p2p', userId: 'bob', mediaType: 'VIDEO' })
  // @ts-expect-error unknown event
  rtc.on('ringing', () => {})
  // @ts-expect-error the payload is a track
  rtc.on('trackAdded', (call: IncomingCall) => call)
  // @ts-expect-error a room is read-only
  room.status = 'ended'
  // @ts-expect-error unknown reason
  await rtc.rejectCall(room.id, 'tired')
  // @ts-expect-error the token is required
  const nobody = new OpenChatClient({ server: { baseUrl: '' }, auth: { uid: 'alice' } })
  // @ts-expect-error unknown code
  const error = new RtcError('TEAPOT', '')
  // @ts-expect-error RtcClient cannot be constructed directly
  const own = new rtc.RtcClient()
  console.log(nobody, error, own)
}
