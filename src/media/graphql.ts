import { MEDIA_PROVIDERS } from '../core/media-provider.ts'
import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import type { MediaConnection } from './connection.ts'
import type { IceServer } from './ice.ts'

export const MediaProvider = enumOf('MediaProvider', MEDIA_PROVIDERS, 'The service that carries the media.', {
  webrtc: 'Peer to peer; the gateway carries the signalling.',
  volcengine: 'Volcengine RTC.',
  livekit: 'LiveKit.',
  tencent: 'Tencent RTC.',
  agora: 'Agora.',
})

/** Estimated number of configured STUN and TURN servers. */
const SERVERS = 4

const IceServerRef = builder.objectRef<IceServer>('IceServer').implement({
  description: 'An RTCIceServer, ready for `new RTCPeerConnection({ iceServers })`.',
  fields: (t) => ({
    urls: t.stringList({
      description: 'URLs of the server, such as stun:host:3478 or turn:host:3478.',
      extensions: { size: 1 },
      resolve: ({ urls }) => [...urls],
    }),
    username: t.exposeString('username', { nullable: true, description: 'TURN username; null for STUN.' }),
    credential: t.exposeString('credential', { nullable: true, description: 'TURN password; null for STUN.' }),
  }),
})

export const ConnectionRef = builder.objectRef<MediaConnection>('ConnectionInfo').implement({
  description: "Everything that a joined participant's client needs to reach the room's media.",
  fields: (t) => ({
    provider: t.expose('provider', { type: MediaProvider, description: "The room's media provider." }),
    appId: t.exposeString('appId', {
      nullable: true,
      description: "The app id for the provider's SDK; null if the SDK does not require one.",
    }),
    url: t.exposeString('url', {
      nullable: true,
      description: "The URL of the provider's server; null if its SDK does not require one.",
    }),
    roomId: t.exposeID('roomId', { description: "The room's id at the provider." }),
    userId: t.exposeID('userId', { description: "The user's id at the provider." }),
    uid: t.exposeInt('uid', {
      nullable: true,
      description:
        "With provider AGORA, which identifies users by numbers: the uid that the token admits, equal to the participant's " +
        'uid. Null with other providers.',
    }),
    token: t.exposeString('token', {
      nullable: true,
      description: "The token for the provider's SDK; null with provider WEBRTC.",
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'The expiry of the token and of the TURN credentials; call refreshConnection before it.',
    }),
    iceServers: t.field({
      type: [IceServerRef],
      description: 'STUN and TURN servers; empty except with provider WEBRTC.',
      extensions: { size: SERVERS },
      resolve: ({ iceServers }) => [...iceServers],
    }),
    meshMax: t.exposeInt('meshMax', {
      nullable: true,
      description:
        'With provider WEBRTC: the recommended maximum of participants in a mesh, where each sends to each other. A client ' +
        'should warn its user before joining a room with this many participants. Null with other providers.',
    }),
  }),
})

const RefreshConnectionInput = builder.inputType('RefreshConnectionInput', {
  description: 'Input of refreshConnection.',
  fields: (t) => ({ roomId: t.id({ required: true, description: 'The id of the room.' }) }),
})
const RefreshConnectionPayload = builder
  .objectRef<{ connection: MediaConnection }>('RefreshConnectionPayload')
  .implement({
    description: 'Payload of refreshConnection.',
    fields: (t) => ({
      connection: t.expose('connection', { type: ConnectionRef, description: 'The new connection.' }),
    }),
  })

builder.mutationFields((t) => ({
  refreshConnection: t.field({
    type: RefreshConnectionPayload,
    access: 'connect',
    description:
      'Returns a new connection like the one from joinRoom. Call it before that one expires. Only for joined participants.',
    args: { input: t.arg({ type: RefreshConnectionInput, required: true, description: 'The room.' }) },
    resolve: async (_root, { input }, { rooms, actor }) => ({
      connection: await rooms.refreshConnection(actor, input.roomId),
    }),
  }),
}))

builder.queryFields((t) => ({
  iceServers: t.field({
    type: [IceServerRef],
    access: 'user',
    extensions: { size: SERVERS },
    description:
      'STUN servers for every user; TURN servers with temporary credentials only while the user is in a room or invited to one.',
    resolve: async (_root, _args, { rooms, actor }) => [...(await rooms.iceServers(actor))],
  }),
}))
