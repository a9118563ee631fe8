/** The GraphQL operations sent to every server, by name. */
export const OPERATIONS = {
  Room: /* GraphQL */ `
    query Room($id: ID!) {
      room(id: $id) {
        id
        type
        mediaType
        status
        callerId
        calleeId
        name
        maxParticipants
        seq
        createdAt
        participants {
          id
          userId
          role
          state
          audio
          video
          connected
          joinedAt
        }
      }
    }
  `,
  MyRooms: /* GraphQL */ `
    query MyRooms {
      rooms(first: 20) {
        edges {
          node {
            id
            type
            mediaType
            status
            callerId
            createdAt
            participants {
              userId
              role
              state
              joinedAt
            }
          }
        }
        pageInfo {
          hasNextPage
        }
      }
    }
  `,
  CreateRoom: /* GraphQL */ `
    mutation CreateRoom($input: CreateRoomInput!) {
      createRoom(input: $input) {
        room {
          id
          status
          seq
        }
      }
    }
  `,
  JoinRoom: /* GraphQL */ `
    mutation JoinRoom($input: JoinRoomInput!) {
      joinRoom(input: $input) {
        room {
          id
          status
          seq
        }
        participant {
          userId
          state
          audio
          video
        }
      }
    }
  `,
  LeaveRoom: /* GraphQL */ `
    mutation LeaveRoom($input: LeaveRoomInput!) {
      leaveRoom(input: $input) {
        room {
          id
          status
          seq
        }
        participant {
          userId
          state
        }
      }
    }
  `,
  UpdateParticipant: /* GraphQL */ `
    mutation UpdateParticipant($input: UpdateParticipantInput!) {
      updateParticipant(input: $input) {
        participant {
          userId
          audio
        }
      }
    }
  `,
  RoomUpdated: /* GraphQL */ `
    subscription RoomUpdated($roomId: ID!) {
      roomUpdated(roomId: $roomId) {
        seq
        type
        actorId
        participant {
          userId
          audio
        }
        room {
          status
        }
      }
    }
  `,
} as const

export type Operation = keyof typeof OPERATIONS
