import { fieldOf } from '../form.ts'
import type { Console, ConsoleState } from './console.ts'
import type { Sessions } from './documents.ts'
import { since, words } from './text.ts'

/** Finds a user's connections and seats, and ends them. */
export function UserPanel({ admin, state: { sessions } }: { admin: Console; state: ConsoleState }) {
  function submit(event: SubmitEvent) {
    event.preventDefault()
    void admin.findUser(fieldOf(event, 'userId').trim())
  }

  return (
    <section class="card panel" aria-labelledby="user-title">
      <h2 id="user-title">User</h2>
      <form class="filter" onSubmit={submit}>
        <label>
          Id
          <input class="field" name="userId" required autocomplete="off" />
        </label>
        <button type="submit" class="button">
          Find
        </button>
      </form>
      {sessions ? <Found admin={admin} sessions={sessions} /> : <p class="quiet">See where a user is connected.</p>}
    </section>
  )
}

function Found({ admin, sessions }: { admin: Console; sessions: Sessions }) {
  const { userId, connections, seats, missingNodes } = sessions
  return (
    <>
      <div class="panel-head">
        <h3 class="name">
          <bdi>{userId}</bdi>
        </h3>
        <button
          type="button"
          class="button small"
          onClick={() => confirm(`Close all connections of ${userId}?`) && void admin.disconnect(userId)}
        >
          Disconnect
        </button>
        <button
          type="button"
          class="button small stop"
          onClick={() => confirm(`End all calls and hosted groups of ${userId}?`) && void admin.endAll(userId)}
        >
          End rooms
        </button>
      </div>
      {connections.length + seats.length === 0 && <p class="quiet">Not connected, and in no live room.</p>}
      <ul class="rows" aria-label="Connections and rooms">
        {connections.map(({ nodeId, kind, openedAt }, index) => (
          <li key={index} class="row">
            <span class="row-title">{words(kind)}</span>
            <span class="quiet row-note">
              node {nodeId.slice(-6)} · open for {since(openedAt)}
            </span>
          </li>
        ))}
        {seats.map(({ roomId, deviceId, connected }) => (
          <li key={roomId}>
            <button type="button" class="row" onClick={() => admin.select(roomId)}>
              <span class="row-title name">room {roomId}</span>
              <span class="quiet row-note">
                {deviceId ? `device ${deviceId}` : 'no device'}
                {!connected && ' · connection lost'}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {missingNodes.length > 0 && <p class="wrong">Nodes that did not answer: {missingNodes.length}.</p>}
    </>
  )
}
