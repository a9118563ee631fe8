import { useEffect, useState } from 'preact/hooks'
import { clock } from './history.ts'

/** The duration of a call. `role="timer"` is not a live region, so it is not read aloud every second. */
export function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  return (
    <span class="elapsed" role="timer" aria-label="Duration">
      {clock(Math.max(0, now - since) / 1000)}
    </span>
  )
}
