import { isPublicUrl, text } from '../../core/variable.ts'

/** The address of a service's API. Plain http is for a server in the same network. */
export const apiUrl = text.refine(
  (value) => isPublicUrl(value, /^https?:$/),
  'must be a URL of the form https://api.example, without credentials',
)
