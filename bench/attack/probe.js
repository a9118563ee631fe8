// Loaded into the gateway's process before its own code: answers the longest block of the event loop since it was last asked.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
process.on('message', (message) => {
  if (message !== 'longest block') return
  // A block that is not over yet is over by now, but may not have been counted: ask again one turn later.
  setTimeout(() => {
    process.send?.({ longestBlock: delay.max / 1e6 })
    delay.reset()
  }, 20)
})
process.channel?.unref()
