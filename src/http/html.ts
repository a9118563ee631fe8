import type { HttpReply } from './message.ts'

/**
 * A page that must not be cached, framed or content-sniffed.
 *
 * @param policy - the Content-Security-Policy by directive; anything else is forbidden
 */
export function htmlReply(
  html: string,
  policy: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): HttpReply {
  const directives = {
    'default-src': "'none'",
    ...policy,
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  }
  return {
    status: 200,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Cache-Control': 'no-store',
      'Content-Security-Policy': Object.entries(directives)
        .map((directive) => directive.join(' '))
        .join('; '),
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      ...headers,
    },
    body: html,
  }
}

/** JSON for a script element, escaped so that it cannot close the element or open a comment. */
export const scriptJson = (value: unknown): string => JSON.stringify(value).replaceAll('<', String.raw`\u003c`)
