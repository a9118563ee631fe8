/**
 * Whether PostgreSQL can store a string: neither `text` nor `jsonb` accepts U+0000,
 * and a lone surrogate is not valid Unicode.
 */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** Maximum nesting of a stored JSON value. */
const DEPTH_MAX = 32

/** Whether every string in a JSON value is {@link isStorable} and the value has at most 32 levels of nesting. */
export function isStorableJson(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return isStorable(value)
  if (typeof value !== 'object' || value === null) return true
  if (depth >= DEPTH_MAX) return false
  return Object.entries(value).every(([key, item]) => isStorable(key) && isStorableJson(item, depth + 1))
}
