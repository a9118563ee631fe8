import { parseInput } from '../core/input.ts'
import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { SendSignal } from './input.ts'
import { type Signal, SIGNAL_TYPES } from './model.ts'

const SignalType = enumOf(
  'SignalType',
  SIGNAL_TYPES,
  'The kind of signal. CUSTOM signals are defined by the application.',
)

const SignalRef = builder.objectRef<Signal>('Signal').implement({
  description: 'A WebRTC signalling message from one participant of a room to another.',
  fields: (t) => ({
    seq: t.exposeInt('seq', {
      description: 'The cursor, counted from 1 per room and addressee: resume with `signals(after: seq)`.',
    }),
    roomId: t.exposeID('roomId'),
    fromId: t.exposeID('fromId'),
    toId: t.exposeID('toId'),
    type: t.expose('type', { type: SignalType }),
    payload: t.expose('payload', { type: 'JSON' }),
    at: t.expose('at', { type: 'DateTime' }),
  }),
})

const SendSignalInput = builder.inputType('SendSignalInput', {
  fields: (t) => ({
    roomId: t.id({ required: true }),
    toId: t.id({ required: true, description: 'The addressee. Both sender and addressee must have joined the room.' }),
    type: t.field({ type: SignalType, required: true }),
    payload: t.field({ type: 'JSON', required: true, description: 'A JSON object of at most 32 KiB.' }),
  }),
})

const SendSignalPayload = builder.objectRef<{ signal: Signal }>('SendSignalPayload').implement({
  fields: (t) => ({ signal: t.expose('signal', { type: SignalRef }) }),
})

builder.mutationFields((t) => ({
  sendSignal: t.field({
    type: SendSignalPayload,
    access: 'signal',
    description:
      'Sends an offer, an answer, a candidate or a custom payload to one participant; no other participant receives it. ' +
      'The signal is kept for 60 s. Fails with RATE_LIMITED while 256 of your signals to this participant are kept.',
    args: { input: t.arg({ type: SendSignalInput, required: true }) },
    resolve: async (_root, { input: { roomId, ...input } }, { signals, actor }) => ({
      signal: await signals.send(actor, roomId, parseInput(SendSignal, input)),
    }),
  }),
}))

builder.subscriptionFields((t) => ({
  signals: t.field({
    type: SignalRef,
    access: 'signal',
    description:
      'The signals sent to you in a room, each exactly once and in order. Begins with the signal after `after`, or with ' +
      'the kept signals since you joined if `after` is absent. Completes when the room ends, when you leave or are ' +
      'removed, and when you join with another device.',
    args: {
      roomId: t.arg.id({ required: true }),
      after: t.arg.int({ description: 'The seq of the last signal that you have received.' }),
    },
    subscribe: (_root, { roomId, after }, { signals, actor }) => signals.open(actor, roomId, after ?? undefined),
    resolve: (signal) => signal,
  }),
}))
