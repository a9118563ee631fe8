import { expect, expectTypeOf, it } from 'vitest'
import { MEDIA_PROVIDERS } from '../../src/core/media-provider.ts'
import {
  type EndReason,
  type LeaveReason,
  type ParticipantRole,
  type ParticipantState,
  ROOM_EVENT_TYPES,
  type RoomEventType,
} from '../../src/rooms/model.ts'
import { RTCProviderType } from '../../src/sdk/index.ts'
import type * as sdk from '../../src/sdk/model.ts'
import { PARTICIPANT_EVENTS } from '../../src/sdk/room-updates.ts'

// The SDK imports nothing of the gateway: its types are its own, and these are the same.

it('every event type of the gateway is one of the SDK, with its participant event', () => {
  expectTypeOf<sdk.RoomUpdateType>().toEqualTypeOf<RoomEventType | 'snapshot'>()
  expect(Object.keys(PARTICIPANT_EVENTS).toSorted()).toEqual(['snapshot', ...ROOM_EVENT_TYPES].toSorted())
})

it('every media provider of the gateway is one of the SDK', () => {
  expect(Object.values(RTCProviderType).toSorted()).toEqual(MEDIA_PROVIDERS.toSorted())
})

it('roles, states and reasons are the same', () => {
  expectTypeOf<sdk.ParticipantRole>().toEqualTypeOf<ParticipantRole>()
  expectTypeOf<sdk.ParticipantState>().toEqualTypeOf<ParticipantState>()
  expectTypeOf<sdk.LeaveReason>().toEqualTypeOf<LeaveReason>()
  expectTypeOf<sdk.EndReason>().toEqualTypeOf<EndReason>()
})
