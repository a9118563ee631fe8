/** The trimmed value of a form's text field or radio group. */
export function fieldOf(event: SubmitEvent, name: string): string {
  const value = new FormData(event.currentTarget as HTMLFormElement).get(name)
  return typeof value === 'string' ? value.trim() : ''
}

/** Parses a comma-separated list of user ids without duplicates; an id that contains a comma is quoted with `"`. */
export function userIdsIn(text: string): string[] {
  const ids = Array.from(text.matchAll(/"([^"]*)"|[^,"]+/g), ([all, quoted]) => (quoted ?? all).trim())
  return [...new Set(ids.filter(Boolean))]
}
