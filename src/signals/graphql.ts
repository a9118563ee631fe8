import { parseInput } from '../core/input.ts'
import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { SendSignal } from './input.ts'
import { type Signal, SIGNAL_TYPES } from './model.ts'

const SignalType = enumOf('SignalType', SIGNAL_TYPES, "What a signal is about; CUSTOM is the application's own.")

const SignalRef = builder.objectRef<Signal>('Signal').implement({
  description: 'One message of WebRTC signalling, from one participant of a room to another.',
  fields: (t) => ({
    seq: t.exposeInt('seq', {
      description: 'Cursor, from 1 for each room and addressee: resume with `signals(after: seq)`.',
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
    toId: t.id({ required: true, description: 'A participant who has joined the room, as you have.' }),
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
      'Sends an offer, an answer, a candidate or something of your own to one participant, who alone sees it. It is ' +
      'kept for 60 s. RATE_LIMITED when 256 signals of yours are kept for them.',
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
      'What others in the room signal to you, each exactly once and in order. Without `after` it begins with what is ' +
      'kept since you joined; with it, with the next signal. It completes when the room ends and when you leave it, are ' +
      'removed, or join from another device.',
    args: {
      roomId: t.arg.id({ required: true }),
      after: t.arg.int({ description: 'The seq of the last signal that you have.' }),
    },
    subscribe: (_root, { roomId, after }, { signals, actor }) => signals.open(actor, roomId, after ?? undefined),
    resolve: (signal) => signal,
  }),
}))
