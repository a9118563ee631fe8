import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { RoomRef } from '../rooms/graphql/room.ts'
import { INCOMING_CALL_TYPES, type IncomingCall } from './ringing.ts'

const IncomingCallType = enumOf(
  'IncomingCallType',
  INCOMING_CALL_TYPES,
  'RINGING, then one of the others: the ringing is over on every device.',
)

const IncomingCallRef = builder.objectRef<IncomingCall>('IncomingCall').implement({
  description: 'A call to you begins to ring, or ceases to.',
  fields: (t) => ({
    type: t.expose('type', { type: IncomingCallType }),
    room: t.field({ type: RoomRef, resolve: ({ room, at }) => ({ ...room, asOf: at }) }),
    deviceId: t.exposeID('deviceId', {
      nullable: true,
      description: 'With ANSWERED: the device that did; null is the one without a deviceId.',
    }),
    at: t.expose('at', { type: 'DateTime' }),
  }),
})

builder.subscriptionFields((t) => ({
  incomingCall: t.field({
    type: IncomingCallRef,
    access: 'user',
    description: 'What rings for you: at first everything that rings now, then what begins and ceases to ring.',
    subscribe: (_root, _args, { calls, actor }) => calls.open(actor.id),
    resolve: (call) => call,
  }),
}))
