/** Who appears in the examples. */
export type Person = 'alice' | 'bob'

export interface Example {
  /** Whose token is in the tab's headers. */
  readonly as: Person
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
}

/** `$roomId` is a variable that the page fills in by itself, in every tab, with the room created last. */
const variables = { roomId: '' }

/**
 * A call from its first to its last event, one tab a step; GraphiQL names a tab after its operation. A group, because a
 * call between two is missed after less time than it takes to read this. Lines fit the editor beside the open docs.
 */
export const EXAMPLES: readonly Example[] = [
  {
    as: 'alice',
    query: `# Press the pink button here, then
# in each tab from left to right.
# The new room's id is filled into
# the Variables of the others.
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
    query: `# roomId was filled in when
# CreateRoom had run.
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
    query: `# Goes on while you are in other
# tabs: come back here to look.
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
    query: `# Bob's token is in the Headers.
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
    query: `# Ends the room for everybody,
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
