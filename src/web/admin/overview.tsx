import type { Dashboard } from './documents.ts'

/** The figures of the whole gateway. */
export function Overview({ dashboard: { adminOverview, nodes } }: { dashboard: Dashboard }) {
  const alive = nodes.filter((node) => node.alive)
  const sockets = alive.reduce((sum, node) => sum + (node.sockets ?? 0) + (node.eventStreams ?? 0), 0)
  const delay = Math.max(0, ...alive.map(({ eventLoopDelay }) => eventLoopDelay ?? 0))
  return (
    <section aria-label="Overview">
      <dl class="figures">
        <Figure name="Active rooms" value={String(adminOverview.active)} />
        <Figure name="Waiting rooms" value={String(adminOverview.waiting)} />
        <Figure name="Connections" value={String(sockets)} />
        <Figure name="Nodes" value={String(alive.length)} bad={alive.length < nodes.length} />
        <Figure name="Deadlines late by" value={`${adminOverview.lag} s`} bad={adminOverview.lag > 5} />
        <Figure name="Event loop delay" value={`${Math.round(delay)} ms`} bad={delay > 250} />
      </dl>
    </section>
  )
}

const Figure = ({ name, value, bad = false }: { name: string; value: string; bad?: boolean }) => (
  <div class="card figure" data-bad={bad}>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
)
