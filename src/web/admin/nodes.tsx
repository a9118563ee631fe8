import type { NodeRow } from './documents.ts'
import { since } from './text.ts'

/** The gateway's processes. */
export const Nodes = ({ nodes }: { nodes: readonly NodeRow[] }) => (
  <section class="card panel" aria-labelledby="nodes-title">
    <h2 id="nodes-title">Nodes</h2>
    <ul class="nodes">
      {nodes.map((node) => (
        <li key={node.id} class="node">
          <div class="panel-head">
            <h3 class="name" title={node.id}>
              {node.id.slice(-6)}
            </h3>
            <span class="chip" data-status={node.alive ? 'ACTIVE' : 'LOST'}>
              {node.alive ? 'alive' : 'dead'}
            </span>
          </div>
          <dl>
            <Value name="Sockets" value={node.sockets} />
            <Value name="Event streams" value={node.eventStreams} />
            <Value name="Users" value={node.users} />
            <Value name="Followed rooms" value={node.rooms} />
            <Value name="Loop delay" value={node.eventLoopDelay} unit="ms" />
            <Value name="Memory" value={node.memory} unit="MiB" />
          </dl>
          <p class="quiet">
            up {since(node.startedAt)} · seen {since(node.seenAt)} ago
          </p>
        </li>
      ))}
    </ul>
  </section>
)

const Value = ({ name, value, unit = '' }: { name: string; value: number | null; unit?: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value === null ? '–' : `${value} ${unit}`}</dd>
  </div>
)
