/**
 * A Markdown table with padded columns, formatted like oxfmt.
 *
 * @param numbers - index of the first numeric column; numeric columns are right-aligned
 */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { numbers = header.length }: { numbers?: number } = {},
): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const columns = header.map((_, column) => ({
    width: Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)),
    isNumber: column >= numbers,
  }))
  const line = (row: readonly string[]) =>
    columns.map(({ width, isNumber }, column) => {
      const cell = row[column] ?? ''
      return isNumber ? cell.padStart(width) : cell.padEnd(width)
    })
  const rule = columns.map(({ width, isNumber }) => (isNumber ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)))
  const [head = [], ...body] = cells.map(line)
  return [head, rule, ...body].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
