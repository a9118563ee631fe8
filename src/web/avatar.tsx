/** Placeholder for a user without video; its colour depends on the user id alone. */
export function Avatar({ userId }: { userId: string }) {
  const points = Array.from(userId, (char) => char.codePointAt(0) ?? 0)
  const hue = points.reduce((hash, point) => (hash * 31 + point) % 6, 0)
  const [initial = '?'] = /[\p{L}\p{N}]/u.exec(userId) ?? []
  return (
    <span class="avatar" aria-hidden="true" data-hue={hue}>
      {initial.toUpperCase()}
    </span>
  )
}
