import { storedText } from '../auth/development.ts'
import { ConfigError } from '../config.ts'
import { newVapidKeys, publicKeyOf, type VapidKeys } from './vapid.ts'

const FILE = 'development-vapid'
/** Some push services refuse a subject that nobody can reach, such as one of localhost. */
const SUBJECT = 'mailto:developer@example.com'

/**
 * The VAPID keys of a gateway without configured ones, so that subscriptions survive restarts. The first call creates them
 * in `dataDir`.
 *
 * @throws ConfigError when the file cannot be written or read, or is damaged
 */
export async function developmentVapid(dataDir: string): Promise<VapidKeys> {
  const privateKey = await storedText(dataDir, FILE, () => newVapidKeys(SUBJECT).privateKey)
  const publicKey = publicKeyOf(privateKey)
  if (publicKey !== null) return { publicKey, privateKey, subject: SUBJECT }
  throw new ConfigError([`DATA_DIR: ${FILE} does not contain a key; delete the file to create a new one`])
}
