// The database of a gateway in a process of its own: starts, reports, and stops on a message.
// In JavaScript, because Node.js 20 does not run TypeScript; imports the compiled gateway.
import { createLogger } from '../../dist/core/logger.js'
import { startEmbeddedServer } from '../../dist/db/embedded.js'

process.on('SIGINT', () => process.send?.('interrupted'))
try {
  const [, , dataDir = ''] = process.argv
  const { url, adopted, stop } = await startEmbeddedServer({ dataDir, log: createLogger('silent') })
  process.on('message', () => void stop().then(() => process.disconnect()))
  process.send?.({ url, adopted })
} catch (error) {
  process.send?.({ error: String(error) }, () => process.disconnect())
}
