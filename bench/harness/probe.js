// Preloaded into a server's process: reports its resource usage, and ends it when the harness exits.
process.on('message', (message) => {
  if (message !== 'usage') return
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  process.send?.({ usage: { heap: heapUsed, rss, cpu: (user + system) / 1000 } })
})
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
