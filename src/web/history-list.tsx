import { useId } from 'preact/hooks'
import type { Room } from '../sdk/index.ts'
import { clock, type HistoryRow, historyRow } from './history.ts'
import { Icon } from './icons.tsx'
import type { Phone } from './phone.ts'
import type { PhoneState } from './phone-state.ts'
import { SentenceText } from './sentence-text.tsx'
import { plain } from './sentence.ts'

const TODAY = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' })
const EARLIER = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })

/** Past calls and other calls in progress, newest first. */
export function HistoryList(props: {
  phone: Phone
  history: PhoneState['history']
  /** Ids of the rooms that the page shows elsewhere. */
  shownRooms: ReadonlySet<string>
  inCall: boolean
  disabled: boolean
}) {
  const { phone, history, shownRooms, inCall, disabled } = props
  const id = useId()
  const rooms = history.rooms.filter(({ id: roomId }) => !shownRooms.has(roomId))
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>History</h2>
      {history.loaded && rooms.length === 0 && <p class="quiet">No calls yet.</p>}
      <ul class="history">
        {rooms.map((room) => (
          <Row
            key={room.id}
            room={room}
            row={historyRow(room, phone.userId)}
            phone={phone}
            inCall={inCall}
            disabled={disabled}
          />
        ))}
      </ul>
      {history.next !== null && (
        <button type="button" class="button small" onClick={() => void phone.history.load({ more: true })}>
          Show more
        </button>
      )}
    </section>
  )
}

function Row(props: { room: Room; row: HistoryRow; phone: Phone; inCall: boolean; disabled: boolean }) {
  const { room, row, phone, inCall, disabled } = props
  const { who, others, outgoing, missed, result, at, duration } = row
  return (
    <li data-room={row.id} data-missed={missed}>
      <span class="direction" title={outgoing ? 'Outgoing' : 'Incoming'}>
        <Icon name={outgoing ? 'outgoing' : 'incoming'} />
        <span class="unseen">{outgoing ? 'Outgoing' : 'Incoming'}</span>
      </span>
      <span class="history-text">
        <span class="name">
          <SentenceText sentence={who} />
        </span>
        <span class="quiet">
          <span class="result">{result}</span> · <time dateTime={at}>{when(new Date(at))}</time>
          {duration !== null && ` · ${clock(duration)}`}
        </span>
      </span>
      {row.ongoing ? (
        <button type="button" class="button small" disabled={disabled} onClick={() => void phone.answer(room)}>
          Join
        </button>
      ) : (
        <button
          type="button"
          class="bare"
          aria-label={`Redial ${plain(who)}`}
          disabled={disabled || inCall || others.length === 0}
          onClick={() => void phone.call(others, room.mediaType)}
        >
          <Icon name={room.mediaType === 'video' ? 'camera' : 'answer'} />
        </button>
      )}
    </li>
  )
}

const when = (at: Date): string => (at.toDateString() === new Date().toDateString() ? TODAY : EARLIER).format(at)
