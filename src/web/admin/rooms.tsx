import { fieldOf } from '../form.ts'
import type { Console, ConsoleState, StatusFilter } from './console.ts'
import type { ListedRoom } from './documents.ts'
import { since, titleOf, words } from './text.ts'

/** The newest rooms that match the filter. */
export function Rooms({ admin, state }: { admin: Console; state: ConsoleState }) {
  const { dashboard, status, userId, roomId } = state
  const rooms = dashboard?.adminRooms.edges.map(({ node }) => node) ?? []

  function submit(event: SubmitEvent) {
    event.preventDefault()
    admin.filter({ userId: fieldOf(event, 'user').trim() })
  }

  return (
    <section class="card panel" aria-labelledby="rooms-title">
      <h2 id="rooms-title">Rooms</h2>
      <form class="filter" onSubmit={submit}>
        <label>
          Status
          <select
            class="field"
            value={status}
            onChange={({ currentTarget }) => admin.filter({ status: currentTarget.value as StatusFilter })}
          >
            <option value="ACTIVE">active</option>
            <option value="WAITING">waiting</option>
            <option value="ENDED">ended</option>
            <option value="">all</option>
          </select>
        </label>
        <label>
          User
          <input class="field" name="user" defaultValue={userId} placeholder="anybody" autocomplete="off" />
        </label>
        <button type="submit" class="button">
          Filter
        </button>
      </form>
      {rooms.length === 0 && <p class="quiet">There is no such room.</p>}
      <ul class="rows">
        {rooms.map((room) => (
          <li key={room.id}>
            <RoomButton room={room} selected={room.id === roomId} onSelect={() => admin.select(room.id)} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function RoomButton({ room, selected, onSelect }: { room: ListedRoom; selected: boolean; onSelect: () => void }) {
  const { totalCount } = room.participantsPage
  return (
    <button type="button" class="row" aria-pressed={selected} onClick={onSelect}>
      <span class="row-title name">
        <bdi>{titleOf(room)}</bdi>
      </span>
      <span class="chip" data-status={room.status}>
        {words(room.status)}
      </span>
      <span class="quiet row-note">
        {totalCount} joined · {words(room.mediaType)} · {since(room.createdAt)}
      </span>
    </button>
  )
}
