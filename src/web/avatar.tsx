/** Stands for somebody who has no picture; the same id has the same colour everywhere. */
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
