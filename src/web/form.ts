/** What is typed into a form's text field, or chosen among its radio buttons. */
export function fieldOf(event: SubmitEvent, name: string): string {
  const value = new FormData(event.currentTarget as HTMLFormElement).get(name)
  return typeof value === 'string' ? value.trim() : ''
}

/** Ids as somebody types them, each once: separated by commas; one with a comma in it stands in double quotes. */
export function userIdsIn(text: string): string[] {
  const ids = Array.from(text.matchAll(/"([^"]*)"|[^,"]+/g), ([all, quoted]) => (quoted ?? all).trim())
  return [...new Set(ids.filter(Boolean))]
}
