import { parseInput } from '../core/input.ts'
import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { SendSignal } from './input.ts'
import { type Signal, SIGNAL_TYPES } from './model.ts'

const SignalType = enumOf('SignalType', SIGNAL_TYPES, 'The kind of signal.', {
  offer: 'A session description that proposes a connection.',
  answer: 'The session description that answers an offer.',
  candidate: 'An ICE candidate.',
  custom: 'A payload that the application defines.',
})

const SignalRef = builder.objectRef<Signal>('Signal').implement({
  description: 'A WebRTC signalling message from one participant of a room to another.',
  fields: (t) => ({
    seq: t.exposeInt('seq', {
      description: 'The cursor, counted from 1 per room and addressee: resume with `signals(after: seq)`.',
    }),
    roomId: t.exposeID('roomId', { description: 'The room of the signal.' }),
    fromId: t.exposeID('fromId', { description: 'The sender.' }),
    toId: t.exposeID('toId', { description: 'The addressee.' }),
    type: t.expose('type', { type: SignalType, description: 'The kind of signal.' }),
    payload: t.expose('payload', { type: 'JSON', description: 'The JSON object that was sent.' }),
    at: t.expose('at', { type: 'DateTime', description: 'The time of sending.' }),
  }),
})

const SendSignalInput = builder.inputType('SendSignalInput', {
  description: 'The signal to send.',
  fields: (t) => ({
    roomId: t.id({ required: true, description: 'The room that sender and addressee have joined.' }),
    toId: t.id({ required: true, description: 'The addressee. Both sender and addressee must have joined the room.' }),
    type: t.field({ type: SignalType, required: true, description: 'The kind of signal.' }),
    payload: t.field({ type: 'JSON', required: true, description: 'A JSON object of at most 32 KiB.' }),
  }),
})

const SendSignalPayload = builder.objectRef<{ signal: Signal }>('SendSignalPayload').implement({
  description: 'The signal that was sent.',
  fields: (t) => ({ signal: t.expose('signal', { type: SignalRef, description: 'The signal as stored.' }) }),
})

builder.mutationFields((t) => ({
  sendSignal: t.field({
    type: SendSignalPayload,
    access: 'signal',
    description:
      'Sends an offer, an answer, a candidate or a custom payload to one participant; no other participant receives it. ' +
      'The signal is kept for 60 s. Fails with RATE_LIMITED while 256 of your signals to this participant are kept.',
    args: { input: t.arg({ type: SendSignalInput, required: true, description: 'The signal to send.' }) },
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
      roomId: t.arg.id({ required: true, description: 'The room, which you must have joined.' }),
      after: t.arg.int({ description: 'The seq of the last signal that you have received.' }),
    },
    subscribe: (_root, { roomId, after }, { signals, actor }) => signals.open(actor, roomId, after ?? undefined),
    resolve: (signal) => signal,
  }),
}))
