// Preloaded into the gateway's process: reports the longest block of the event loop since the last request.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
process.on('message', (message) => {
  if (message !== 'longest block') return
  // The block that delayed this message may not be recorded yet: read the histogram a little later.
  setTimeout(() => {
    process.send?.({ longestBlock: delay.max / 1e6 })
    delay.reset()
  }, 20)
})
process.channel?.unref()
