import { text } from '../core/variable.ts'

/** Whether a value lists NATS servers of one scheme, which all have the same credentials and name. */
function isBusUrl(value: string): boolean {
  const urls = value.split(',').map((part) => (URL.canParse(part.trim()) ? new URL(part.trim()) : undefined))
  const [first] = urls
  return urls.every(
    (url) =>
      url !== undefined &&
      /^(nats|tls):$/.test(url.protocol) &&
      url.protocol === first?.protocol &&
      url.hostname !== '' &&
      /^(\/[\w-]*)?$/.test(url.pathname) &&
      url.search === '' &&
      url.hash === '',
  )
}

export const eventVariables = {
  BUS_URL: text
    .refine(isBusUrl, 'must be a NATS server such as nats://user:password@host:4222, or several separated by commas')
    .optional(),
}
