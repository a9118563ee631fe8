import { createLogger } from '../../src/core/logger.ts'
import { startEmbeddedServer } from '../../src/db/embedded.ts'

// A gateway reduced to its database, in a process of its own: starts, reports, and stops when it is told to.
process.on('SIGINT', () => process.send?.('interrupted'))
try {
  const { url, adopted, stop } = await startEmbeddedServer({
    dataDir: process.argv[2] ?? '',
    log: createLogger('silent'),
  })
  process.on('message', () => void stop().then(() => process.disconnect()))
  process.send?.({ url, adopted })
} catch (error) {
  process.send?.({ error: String(error) }, () => process.disconnect())
}
