import type { AuditRow } from './documents.ts'
import { clock, words } from './text.ts'

/** What administrators did last. */
export function Audit({ entries }: { entries: readonly { readonly node: AuditRow }[] }) {
  return (
    <section class="card panel" aria-labelledby="audit-title">
      <h2 id="audit-title">Audit log</h2>
      {entries.length === 0 && <p class="quiet">Nothing was done yet.</p>}
      <ol class="log plain">
        {entries.map(({ node: { id, at, actorId, action } }) => (
          <li key={id}>
            <span>
              <bdi>{actorId}</bdi>: {words(action)}
            </span>
            <time class="quiet" dateTime={at}>
              {clock(at)}
            </time>
          </li>
        ))}
      </ol>
    </section>
  )
}
