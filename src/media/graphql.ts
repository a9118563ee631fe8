import { MEDIA_PROVIDERS } from '../core/media-provider.ts'
import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import type { MediaConnection } from './connection.ts'
import type { IceServer } from './ice.ts'

export const MediaProvider = enumOf('MediaProvider', MEDIA_PROVIDERS, 'What carries the media.')

/** About how many STUN and TURN servers a gateway is configured with. */
const SERVERS = 4

const IceServerRef = builder.objectRef<IceServer>('IceServer').implement({
  description: 'An RTCIceServer, ready for `new RTCPeerConnection({ iceServers })`.',
  fields: (t) => ({
    urls: t.stringList({ extensions: { size: 1 }, resolve: ({ urls }) => [...urls] }),
    username: t.exposeString('username', { nullable: true }),
    credential: t.exposeString('credential', { nullable: true }),
  }),
})

export const ConnectionRef = builder.objectRef<MediaConnection>('ConnectionInfo').implement({
  description: "What a joined participant needs to reach the room's media.",
  fields: (t) => ({
    provider: t.expose('provider', { type: MediaProvider }),
    appId: t.exposeString('appId', { nullable: true }),
    url: t.exposeString('url', { nullable: true }),
    roomId: t.exposeID('roomId'),
    userId: t.exposeID('userId'),
    token: t.exposeString('token', { nullable: true }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime' }),
    iceServers: t.field({
      type: [IceServerRef],
      extensions: { size: SERVERS },
      resolve: ({ iceServers }) => [...iceServers],
    }),
    meshMax: t.exposeInt('meshMax', {
      nullable: true,
      description:
        'With provider WEBRTC: how many participants a mesh carries, each sending to each other. Somebody who finds as many ' +
        'in the room should say so before they join. Null where a media server does the work.',
    }),
  }),
})

const RefreshConnectionInput = builder.inputType('RefreshConnectionInput', {
  fields: (t) => ({ roomId: t.id({ required: true }) }),
})
const RefreshConnectionPayload = builder
  .objectRef<{ connection: MediaConnection }>('RefreshConnectionPayload')
  .implement({
    fields: (t) => ({ connection: t.expose('connection', { type: ConnectionRef }) }),
  })

builder.mutationFields((t) => ({
  refreshConnection: t.field({
    type: RefreshConnectionPayload,
    access: 'connect',
    description: 'A connection like the one from joinRoom, to go on with before that one expires. For who has joined.',
    args: { input: t.arg({ type: RefreshConnectionInput, required: true }) },
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
      'The STUN servers; and while you are in a room, or rung by one, the TURN servers with credentials of yours that expire.',
    resolve: async (_root, _args, { rooms, actor }) => [...(await rooms.iceServers(actor))],
  }),
}))
