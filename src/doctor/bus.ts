import type { Logger } from '../core/logger.ts'
import { createNatsBus } from '../events/nats-bus.ts'
import { fail, type Finding, ok, reasonOf } from './finding.ts'

const HANDLERS = { onNotices: () => {}, onReturned: () => {}, onLost: () => {} }

/** Connects to the server of BUS_URL as a node does, and sends nothing. */
export async function checkBus(url: string, { log }: { readonly log: Logger }): Promise<Finding> {
  try {
    const connection = await createNatsBus({ url, nodeId: 'doctor', log }).connect(HANDLERS)
    connection.close()
    return ok('BUS_URL', 'the NATS server accepts the connection')
  } catch (error) {
    const remedy = 'check the address and the credentials; meanwhile events reach other nodes up to two seconds later'
    return fail('BUS_URL', `the NATS server cannot be used: ${reasonOf(error)}`, remedy)
  }
}
