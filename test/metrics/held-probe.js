// Preloaded into the gateway's process: on SIGUSR2, collects garbage and writes what the process holds.
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

process.on('SIGUSR2', () => void report())

async function report() {
  for (let round = 0; round < 3; round += 1) {
    collectGarbage()
    await delay(20)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  const resources = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
  process.stderr.write(`${JSON.stringify({ held: { heapUsed, external, rss, resources, listeners } })}\n`)
}
