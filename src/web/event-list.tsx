import { useId } from 'preact/hooks'
import { SentenceText } from './sentence-text.tsx'
import { eventSentence, type ListedEvent } from './sentences.ts'

const TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

/** The events of the call with their `seq`, newest first. */
export function EventList({ events }: { events: readonly ListedEvent[] }) {
  const id = useId()
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>Events</h2>
      {events.length === 0 && <p class="quiet">Whatever happens in a call is listed here, as it happens.</p>}
      {/* Focusable, so that it can be scrolled with the keyboard. */}
      <ol class="events" tabIndex={events.length > 0 ? 0 : undefined} aria-labelledby={id}>
        {events.map((update) => (
          <li key={`${update.seq} ${update.type}`} data-seq={update.seq} data-type={update.type}>
            <span class="seq">{update.seq}</span>
            <span>
              <SentenceText sentence={eventSentence(update)} />
            </span>
            <time dateTime={update.at}>{TIME.format(new Date(update.at))}</time>
          </li>
        ))}
      </ol>
    </section>
  )
}
