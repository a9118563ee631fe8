/** Stands for somebody who has no picture; the same id has the same colour everywhere. */
export function Avatar({ userId }: { userId: string }) {
  const points = Array.from(userId, (char) => char.codePointAt(0) ?? 0)
  const hue = points.reduce((hash, point) => (hash * 31 + point) % 6, 0)
  return (
    <span class="avatar" aria-hidden="true" data-hue={hue}>
      {String.fromCodePoint(points[0] ?? 63).toUpperCase()}
    </span>
  )
}
