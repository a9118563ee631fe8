import type { Console, ConsoleState, RoomView } from './console.ts'
import type { ParticipantRow, RoomEventRow } from './documents.ts'
import { clock, titleOf, words } from './text.ts'

/** The selected room with its participants and its events, as they happen. */
export function RoomPanel({ admin, state: { roomId, view } }: { admin: Console; state: ConsoleState }) {
  return (
    <section class="card panel" aria-labelledby="room-title">
      {view ? (
        <Room admin={admin} view={view} />
      ) : (
        <>
          <h2 id="room-title">Room</h2>
          <p class="quiet">{roomId ? 'Loading…' : 'Select a room to see its participants and events.'}</p>
        </>
      )}
    </section>
  )
}

function Room({ admin, view: { room, events } }: { admin: Console; view: RoomView }) {
  const isLive = room.status !== 'ENDED'
  const { totalCount, edges } = room.participantsPage
  return (
    <>
      <div class="panel-head">
        <h2 id="room-title" class="name">
          <bdi>{titleOf(room)}</bdi>
        </h2>
        <span class="chip" data-status={room.status}>
          {words(room.status)}
        </span>
        {isLive && (
          <button
            type="button"
            class="button small stop"
            onClick={() => confirm('End this room for everybody?') && void admin.endRoom(room.id)}
          >
            End room
          </button>
        )}
      </div>
      <p class="quiet room-id">
        {room.id} · created {clock(room.createdAt)}
        {room.endReason && ` · ${words(room.endReason)}`}
      </p>
      <h3>
        Participants <span class="quiet">{totalCount}</span>
      </h3>
      <ul class="rows" aria-label="Participants">
        {edges.map(({ node }) => (
          <li key={node.userId} class="row">
            <Participant row={node} isHost={node.userId === room.hostId} />
            {isLive && room.type === 'GROUP' && node.userId !== room.hostId && node.state !== 'REMOVED' && (
              <button
                type="button"
                class="button small"
                onClick={() =>
                  confirm(`Remove ${node.userId} from this room?`) && void admin.remove(room.id, node.userId)
                }
              >
                Remove<span class="unseen"> {node.userId}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      <h3>Events</h3>
      <ol class="log" aria-label="Events" tabIndex={0}>
        {events.map((event) => (
          <Event key={event.seq} event={event} />
        ))}
      </ol>
    </>
  )
}

function Participant({ row, isHost }: { row: ParticipantRow; isHost: boolean }) {
  const media = [row.audio && 'audio', row.video && 'video'].filter(Boolean).join(', ')
  const joined = row.state === 'JOINED'
  return (
    <>
      <span class="row-title name">
        <bdi>{row.userId}</bdi>
      </span>
      <span class="chip" data-status={joined && !row.connected ? 'LOST' : row.state}>
        {joined && !row.connected ? 'connection lost' : words(row.state)}
      </span>
      <span class="quiet row-note">
        {isHost ? 'host' : words(row.role)}
        {joined && media && ` · ${media}`}
        {row.joinedAt && ` · since ${clock(row.joinedAt)}`}
      </span>
    </>
  )
}

const Event = ({ event: { seq, type, at, actorId, subjectIds } }: { event: RoomEventRow }) => (
  <li>
    <span class="quiet seq">{seq}</span>
    <span>
      {words(type)}
      {subjectIds.length > 0 && (
        <>
          {': '}
          <bdi>{subjectIds.join(', ')}</bdi>
        </>
      )}
      {actorId !== null && !subjectIds.includes(actorId) && (
        <>
          {' by '}
          <bdi>{actorId}</bdi>
        </>
      )}
    </span>
    <time class="quiet" dateTime={at}>
      {clock(at)}
    </time>
  </li>
)
