const DATE = String.raw`(\d{4})-(\d\d)-(\d\d)`
const TIME = String.raw`[Tt](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)`
const RFC_3339 = new RegExp(`^${DATE}(?:${TIME})?$`)

/** What every part of the gateway, the database included, can hold. */
const FIRST = Date.parse('0001-01-01T00:00:00Z')
const LAST = Date.parse('9999-12-31T23:59:59.999Z')

export const TIME_RULE = 'must be a time such as 2026-01-31T10:30:00Z, or a date, in the years 1 to 9999'

/**
 * A time as RFC 3339 writes it, or a date, which means its first moment in UTC; undefined for anything else and for what
 * the database cannot hold.
 */
export function parseTime(text: string): Date | undefined {
  const parts = RFC_3339.exec(text)
  if (!parts) return undefined
  const [, year, month, day] = parts.map(Number)
  if (!isDay(year ?? 0, month ?? 0, day ?? 0)) return undefined
  const time = new Date(text.toUpperCase())
  return time.getTime() >= FIRST && time.getTime() <= LAST ? time : undefined
}

/** `Date` takes the 30th of February for a day in March. */
function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day <= ([31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0)
}
