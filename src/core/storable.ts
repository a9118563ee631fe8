/**
 * Whether PostgreSQL can hold a string: neither `text` nor `jsonb` takes U+0000,
 * and a lone surrogate is no Unicode scalar value.
 */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** Deepest nesting of a JSON value that is taken in. */
const DEPTH_MAX = 32

/** Whether every string within a JSON value is {@link isStorable} and the value is nested at most 32 deep. */
export function isStorableJson(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return isStorable(value)
  if (typeof value !== 'object' || value === null) return true
  if (depth >= DEPTH_MAX) return false
  return Object.entries(value).every(([key, item]) => isStorable(key) && isStorableJson(item, depth + 1))
}
