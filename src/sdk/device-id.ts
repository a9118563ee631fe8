import { deadline } from './backoff.ts'
import { randomId } from './random-id.ts'

const KEY = 'openchat.rtc.deviceId'

/** Milliseconds until whoever holds an id is taken for another tab, and not for this one before its reload. */
const CLAIM_TIMEOUT = 500

let cachedId: Promise<string> | undefined

/**
 * One for each browser tab: the same after a reload, another one in a tab that was duplicated. Where there are no tabs, as
 * in Node.js, another one each time.
 */
export const tabDeviceId = async (): Promise<string> => {
  const tab = storage()
  return tab ? (cachedId ??= claimStoredOrNew(tab)) : randomId()
}

function storage(): Storage | undefined {
  try {
    return 'window' in globalThis ? sessionStorage : undefined
  } catch {
    // A page that may not store.
    return undefined
  }
}

async function claimStoredOrNew(tab: Storage): Promise<string> {
  const stored = read(tab)
  const id = stored !== null && (await claim(stored)) ? stored : randomId()
  write(tab, id)
  if (id !== stored) await claim(id)
  return id
}

function read(tab: Storage): string | null {
  try {
    return tab.getItem(KEY)
  } catch {
    return null
  }
}

/** Where the storage is full or forbidden, the tab is another device after a reload. */
function write(tab: Storage, id: string): void {
  try {
    tab.setItem(KEY, id)
  } catch {
    // See above.
  }
}

/** Whether the id is this tab's, as long as it lives: https://w3c.github.io/web-locks/ */
async function claim(id: string): Promise<boolean> {
  const locks = (navigator as Partial<Navigator>).locks
  if (!locks) return true
  const { signal, clear } = deadline(CLAIM_TIMEOUT)
  const claimed = await new Promise<boolean>((resolve) => {
    const held = () => {
      resolve(true)
      return new Promise<void>(() => {})
    }
    // A page without an origin of its own may have no locks, and then no other tab has its storage.
    const denied = () => resolve(!signal.aborted)
    try {
      locks.request(`${KEY}.${id}`, { signal }, held).catch(denied)
    } catch {
      denied()
    }
  })
  clear()
  return claimed
}
