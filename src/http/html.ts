import type { HttpReply } from './message.ts'

/** A page that nobody stores, frames or sniffs; it may do what its policy says, by directive. */
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

/** JSON that cannot end the script element it stands in, nor open a comment there. */
export const scriptJson = (value: unknown): string => JSON.stringify(value).replaceAll('<', String.raw`\u003c`)
