/** What is typed into a form's text field, or chosen among its radio buttons. */
export function fieldOf(event: SubmitEvent, name: string): string {
  const value = new FormData(event.currentTarget as HTMLFormElement).get(name)
  return typeof value === 'string' ? value.trim() : ''
}

/** Ids as somebody types them: separated by commas or spaces, each once. */
export const userIdsIn = (text: string): string[] => [...new Set(text.split(/[\s,;]+/).filter(Boolean))]
