/** A line of the log. */
export type Line = Readonly<Record<string, unknown>> & { readonly level: string; readonly msg: string }

/** A destination of a logger that keeps its lines. */
export function linesTo() {
  const lines: string[] = []
  return {
    write: (line: string) => void lines.push(line),
    text: () => lines.join(''),
    all: () => lines.map((line) => JSON.parse(line) as Line),
    /** The lines with this message. */
    of(msg: string) {
      return this.all().filter((line) => line.msg === msg)
    },
  }
}
