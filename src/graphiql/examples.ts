/** A user in the examples. */
export type Person = 'alice' | 'bob'

export interface Example {
  /** The user whose token is in the tab's headers. */
  readonly as: Person
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
}

/** The page sets `$roomId` in every tab to the room created last. */
const variables = { roomId: '' }

/**
 * A call from its first to its last event, one step per tab; GraphiQL names a tab after its operation. The room is a group
 * because a p2p call would ring out before a newcomer has read the steps. Lines fit the editor beside the open docs.
 */
export const EXAMPLES: readonly Example[] = [
  {
    as: 'alice',
    query: `# Press the pink button here, then
# in each tab from left to right.
# The page copies the new room's id
# into the Variables of every tab.
mutation CreateRoom {
  createRoom(
    input: {
      type: GROUP
      name: "Standup"
      participantIds: ["bob"]
    }
  ) {
    room {
      id
      status
      participants {
        userId
        state
      }
    }
  }
}
`,
  },
  {
    as: 'alice',
    query: `# The page has set roomId
# after CreateRoom.
mutation JoinAsAlice($roomId: ID!) {
  joinRoom(input: { roomId: $roomId }) {
    participant {
      userId
      state
    }
    room {
      status
    }
  }
}
`,
    variables,
  },
  {
    as: 'alice',
    query: `# Continues while you use other
# tabs: come back to see events.
subscription WatchRoom($roomId: ID!) {
  roomUpdated(roomId: $roomId) {
    seq
    type
    participant {
      userId
      state
    }
    room {
      status
    }
  }
}
`,
    variables,
  },
  {
    as: 'bob',
    query: `# The Headers contain Bob's token.
# Look at WatchRoom afterwards.
mutation JoinAsBob($roomId: ID!) {
  joinRoom(input: { roomId: $roomId }) {
    participant {
      userId
      state
    }
    room {
      status
    }
  }
}
`,
    variables,
  },
  {
    as: 'alice',
    query: `# Ends the room for all users,
# and the stream in WatchRoom.
mutation EndRoom($roomId: ID!) {
  endRoom(input: { roomId: $roomId }) {
    room {
      status
      endReason
      duration
    }
  }
}
`,
    variables,
  },
]
