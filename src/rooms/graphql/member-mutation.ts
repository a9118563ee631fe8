import type { InputFieldBuilder, InputFieldMap } from '@pothos/core'
import type { z } from 'zod'
import { parseInput } from '../../core/input.ts'
import { builder, type BuilderTypes } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import type { RoomMember } from '../model.ts'
import type { Access } from '../policy.ts'
import { ParticipantRef } from './participant.ts'
import { RoomRef } from './room.ts'

interface MemberMutation<Schema extends z.ZodType> {
  readonly access: Access
  readonly description: string
  /** Input fields besides the room's id. */
  readonly fields: (t: InputFieldBuilder<BuilderTypes, 'InputObject'>) => InputFieldMap
  /** Validates `fields`. */
  readonly schema: Schema
  readonly run: (context: Context, roomId: string, input: z.output<Schema>) => Promise<RoomMember>
}

/**
 * Declares a mutation that concerns one participant of a room. The name `leaveRoom` declares
 * `leaveRoom(input: LeaveRoomInput!): LeaveRoomPayload!`: the input is the room's id and the given fields, the payload is
 * the room and the participant.
 */
export function memberMutation<Schema extends z.ZodType>(name: string, mutation: MemberMutation<Schema>): void {
  const { access, description, fields, schema, run } = mutation
  const typeName = name.charAt(0).toUpperCase() + name.slice(1)
  const Input = builder.inputType(`${typeName}Input`, {
    description: `Input of ${name}.`,
    fields: (t) => ({ ...fields(t), roomId: t.id({ required: true, description: 'The id of the room.' }) }),
  })
  const Payload = builder.objectRef<RoomMember>(`${typeName}Payload`).implement({
    description: `Payload of ${name}.`,
    fields: (t) => ({
      room: t.expose('room', { type: RoomRef, description: 'The room after the command.' }),
      participant: t.expose('participant', {
        type: ParticipantRef,
        description: 'The affected participant after the command.',
      }),
    }),
  })
  builder.mutationField(name, (t) =>
    t.field({
      type: Payload,
      access,
      description,
      args: { input: t.arg({ type: Input, required: true, description: `Input of ${name}.` }) },
      resolve: (_root, { input: { roomId, ...input } }, context) => run(context, roomId, parseInput(schema, input)),
    }),
  )
}
