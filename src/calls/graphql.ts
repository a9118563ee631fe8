import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { RoomRef } from '../rooms/graphql/room.ts'
import { INCOMING_CALL_TYPES, type IncomingCall } from './ringing.ts'

const IncomingCallType = enumOf(
  'IncomingCallType',
  INCOMING_CALL_TYPES,
  'RINGING when a call starts to ring; one of the other values when it stops ringing, on every device.',
  {
    ringing: 'The call is ringing.',
    answered: 'You have joined; deviceId is the device that answered.',
    cancelled: 'The caller hung up, the room ended, or your invitation was withdrawn.',
    rejected: 'You declined the call.',
    missed: 'You did not answer in time.',
  },
)

const IncomingCallRef = builder.objectRef<IncomingCall>('IncomingCall').implement({
  description: 'The start or the end of ringing of an incoming call.',
  fields: (t) => ({
    type: t.expose('type', { type: IncomingCallType, description: 'Whether the call rings, or why it stopped.' }),
    room: t.field({
      type: RoomRef,
      description: 'The room of the call, as of `at`.',
      resolve: ({ room, at }) => ({ ...room, asOf: at }),
    }),
    deviceId: t.exposeID('deviceId', {
      nullable: true,
      description: 'With ANSWERED, the device that answered; null if it joined without a deviceId.',
    }),
    at: t.expose('at', { type: 'DateTime', description: 'The time of the message.' }),
  }),
})

builder.subscriptionFields((t) => ({
  incomingCall: t.field({
    type: IncomingCallRef,
    access: 'user',
    description: 'Your incoming calls: first those that are ringing, then every start and end of ringing.',
    subscribe: (_root, _args, { calls, actor }) => calls.open(actor.id),
    resolve: (call) => call,
  }),
}))
