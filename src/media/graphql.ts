import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { MEDIA_PROVIDERS } from '../rooms/model.ts'
import type { Connection } from './connection.ts'
import type { IceServer } from './ice.ts'

export const MediaProvider = enumOf('MediaProvider', MEDIA_PROVIDERS, 'What carries the media.')

const IceServerRef = builder.objectRef<IceServer>('IceServer').implement({
  description: 'An RTCIceServer, ready for `new RTCPeerConnection({ iceServers })`.',
  fields: (t) => ({
    urls: t.stringList({ resolve: ({ urls }) => [...urls] }),
    username: t.exposeString('username', { nullable: true }),
    credential: t.exposeString('credential', { nullable: true }),
  }),
})

export const ConnectionRef = builder.objectRef<Connection>('ConnectionInfo').implement({
  description: "What a joined participant needs to reach the room's media.",
  fields: (t) => ({
    provider: t.expose('provider', { type: MediaProvider }),
    appId: t.exposeString('appId', { nullable: true }),
    url: t.exposeString('url', { nullable: true }),
    roomId: t.exposeID('roomId'),
    userId: t.exposeID('userId'),
    token: t.exposeString('token', { nullable: true }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime' }),
    iceServers: t.field({ type: [IceServerRef], resolve: ({ iceServers }) => [...iceServers] }),
  }),
})

builder.queryFields((t) => ({
  iceServers: t.field({
    type: [IceServerRef],
    description: 'The STUN and TURN servers, with credentials of yours that expire.',
    resolve: (_root, _args, { media, actor, clock }) => [...media.iceServers(actor.id, clock.now())],
  }),
}))
