const DATE = String.raw`(\d{4})-(\d\d)-(\d\d)`
const TIME = String.raw`[Tt](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)`
const RFC_3339 = new RegExp(`^${DATE}(?:${TIME})?$`)

/** The range of times that every part of the gateway, including the database, can represent. */
const FIRST = Date.parse('0001-01-01T00:00:00Z')
const LAST = Date.parse('9999-12-31T23:59:59.999Z')

export const TIME_RULE = 'must be a time such as 2026-01-31T10:30:00Z, or a date, in the years 1 to 9999'

/**
 * Parses an RFC 3339 time, or a date, which stands for 00:00 UTC. Returns undefined for anything else and for a time
 * outside of the supported range.
 */
export function parseTime(text: string): Date | undefined {
  const parts = RFC_3339.exec(text)
  if (!parts) return undefined
  const [, year, month, day] = parts.map(Number)
  if (!isDay(year ?? 0, month ?? 0, day ?? 0)) return undefined
  const time = new Date(text.toUpperCase())
  return time.getTime() >= FIRST && time.getTime() <= LAST ? time : undefined
}

/** Whether a date exists. `Date` would convert February 30 to a day in March. */
function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day <= ([31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0)
}
