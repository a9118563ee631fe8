import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import {
  CATALOGUE,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricName,
} from './catalogue.ts'

/** The metrics of the catalogue, with their current values. */
export class Metrics {
  readonly registry = new Registry()
  readonly #counters = new Map<MetricName, Counter>()
  readonly #gauges = new Map<MetricName, Gauge>()
  readonly #histograms = new Map<MetricName, Histogram>()
  readonly #raised = new Map<string, number>()

  constructor() {
    for (const [name, definition] of Object.entries(CATALOGUE)) {
      const options = { name, help: definition.help, labelNames: [...definition.labels], registers: [this.registry] }
      if (definition.type === 'counter') this.#counters.set(name as MetricName, new Counter(options))
      else if (definition.type === 'gauge') this.#gauges.set(name as MetricName, new Gauge(options))
      else {
        const buckets = [...definition.buckets]
        this.#histograms.set(name as MetricName, new Histogram({ ...options, buckets }))
      }
    }
  }

  /** Adds to a counter; 0 makes the series exist before its first event, so that `rate` sees that one. */
  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, value = 1): void {
    this.#counters.get(name)?.inc(labels, value)
  }

  /** Raises a counter to a total that is counted elsewhere. */
  raise<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, total: number): void {
    const key = `${name} ${JSON.stringify(labels)}`
    this.count(name, labels, total - (this.#raised.get(key) ?? 0))
    this.#raised.set(key, total)
  }

  set<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    this.#gauges.get(name)?.set(labels, value)
  }

  add<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    this.#gauges.get(name)?.inc(labels, value)
  }

  /** Removes all series of a gauge: a value that cannot be read is absent, not old. */
  clear(name: GaugeName): void {
    const found = this.#gauges.get(name)
    if (found && CATALOGUE[name].labels.length === 0) found.remove()
    else found?.reset()
  }

  observe<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    this.#histograms.get(name)?.observe(labels, value)
  }
}
