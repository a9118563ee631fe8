import { type Answer } from '../world.ts'

export const METRICS_TOKEN = 'token-for-scrapers-of-the-tests'

/** The samples of a scrape, by name and labels as Prometheus writes them. */
export class Samples {
  readonly #values = new Map<string, number>()

  constructor(text: string) {
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('#')) continue
      const end = line.lastIndexOf(' ')
      this.#values.set(line.slice(0, end), Number(line.slice(end + 1)))
    }
  }

  /** Number of series. */
  get size(): number {
    return this.#values.size
  }

  get series(): readonly string[] {
    return [...this.#values.keys()]
  }

  /** The value of `name{label="value",…}`, with the labels in the order of the catalogue. */
  value(series: string): number | undefined {
    return this.#values.get(series)
  }

  /** The sum of all series of a metric whose labels include the given ones. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    let sum = 0
    for (const [series, value] of this.#values) {
      const isOfMetric = series === name || series.startsWith(`${name}{`)
      if (isOfMetric && wanted.every((label) => series.includes(label))) sum += value
    }
    return sum
  }
}

export async function scrapeText(url: string, token: string | undefined = METRICS_TOKEN): Promise<string> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/metrics`, { headers })
  if (!response.ok) throw new Error(`the scrape was answered with ${response.status}`)
  return response.text()
}

export const scrape = async (url: string): Promise<Samples> => new Samples(await scrapeText(url))

/** Throws unless the answer is a success; returns its body. */
export function succeeded({ status, body }: Answer): Answer['body'] {
  if (status >= 300 || body?.errors) throw new Error(`answered with ${status}: ${JSON.stringify(body)}`)
  return body
}
