import { badInput } from '../../core/errors.ts'
import { parseInput } from '../../core/input.ts'
import { builder } from '../../graphql/builder.ts'
import { PARTICIPANTS_PAGE_DEFAULT, ParticipantsPage } from '../input.ts'
import { cursorOf, sliceOf, inState, pageOf } from '../participants-page.ts'
import { type AsOf, asOfRoom, ParticipantRef, ParticipantState } from './participant.ts'
import { RoomRef } from './room.ts'

builder.prismaObjectField(RoomRef, 'participantsPage', (t) =>
  t.connection(
    {
      type: ParticipantRef,
      description: `A page of the room's participants, in the order in which they were first invited or joined; \`first\` defaults to ${PARTICIPANTS_PAGE_DEFAULT}.`,
      args: {
        state: t.arg({ type: [ParticipantState], description: 'Only participants in one of these states.' }),
      },
      extensions: { size: { page: PARTICIPANTS_PAGE_DEFAULT } },
      async resolve(room: AsOf & { id: string }, { state, first, after, last, before }, { reader }) {
        if (last !== null && last !== undefined)
          throw badInput([{ path: 'last', message: 'is not supported; use first' }])
        if (before !== null && before !== undefined) {
          throw badInput([{ path: 'before', message: 'is not supported; use after' }])
        }
        const query = { roomId: room.id, ...parseInput(ParticipantsPage, { first, after, state }) }
        const { participants, hasNextPage } = room.participants
          ? pageOf(room.participants, query)
          : sliceOf(await reader.participantsPage(query), query.first)
        const edges = participants.map((participant) => ({
          cursor: cursorOf(participant),
          node: asOfRoom(room, participant),
        }))
        return {
          edges,
          pageInfo: {
            hasNextPage,
            hasPreviousPage: query.after !== null,
            startCursor: edges[0]?.cursor ?? null,
            endCursor: edges.at(-1)?.cursor ?? null,
          },
          totalCount: () =>
            room.participants
              ? room.participants.filter(inState(query.state)).length
              : reader.participantCount({ roomId: room.id, state: query.state }),
        }
      },
    },
    {
      name: 'ParticipantConnection',
      description: 'A page of the participants of a room.',
      fields: (connection) => ({
        totalCount: connection.int({
          description: 'Participants in all pages.',
          resolve: ({ totalCount }) => totalCount(),
        }),
      }),
    },
    { name: 'ParticipantEdge' },
  ),
)
