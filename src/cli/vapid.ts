import { isSubject, newVapidKeys } from '../push/vapid.ts'
import { type Command, type Outcome, parseArguments, printed, UsageError } from './command.ts'

const HELP = `Usage: rtc-gateway vapid <subject>

Prints new keys for Web Push, as the variables that configure them.

  <subject>  where push services reach you: mailto:operator@example.com or an https URL`

export const vapid: Command = {
  help: HELP,
  async run(argv): Promise<Outcome> {
    const { positionals } = parseArguments(argv, { allowPositionals: true, options: {} })
    const [subject, ...rest] = positionals
    if (subject === undefined || rest.length > 0) throw new UsageError('expected one subject')
    if (!isSubject(subject)) throw new UsageError(`${subject}: must be mailto:operator@example.com or an https URL`)
    const { publicKey, privateKey } = newVapidKeys(subject)
    return printed(`VAPID_PUBLIC_KEY=${publicKey}\nVAPID_PRIVATE_KEY=${privateKey}\nVAPID_SUBJECT=${subject}`)
  },
}
