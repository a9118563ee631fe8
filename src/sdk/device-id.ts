import { deadline } from './backoff.ts'
import { randomId } from './random-id.ts'

const KEY = 'openchat.rtc.deviceId'

/** Milliseconds to wait for the lock: a reloaded page releases it within this time, another tab does not. */
const CLAIM_TIMEOUT = 500

let cachedId: Promise<string> | undefined

/**
 * The device id of this browser tab: stable across reloads, different in a duplicated tab. Outside a browser, as in
 * Node.js, a new one for each call.
 */
export const tabDeviceId = async (): Promise<string> => {
  const tab = storage()
  return tab ? (cachedId ??= claimStoredOrNew(tab)) : randomId()
}

function storage(): Storage | undefined {
  try {
    return 'window' in globalThis ? sessionStorage : undefined
  } catch {
    // Storage access is denied to this page.
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

/** Best effort: if storage is full or denied, the tab has a new device id after a reload. */
function write(tab: Storage, id: string): void {
  try {
    tab.setItem(KEY, id)
  } catch {
    // Storage is full or denied.
  }
}

/** Tries to hold a lock on the id for the lifetime of the page: https://w3c.github.io/web-locks/ */
async function claim(id: string): Promise<boolean> {
  const locks = (navigator as Partial<Navigator>).locks
  if (!locks) return true
  const { signal, clear } = deadline(CLAIM_TIMEOUT)
  const claimed = await new Promise<boolean>((resolve) => {
    const held = () => {
      resolve(true)
      return new Promise<void>(() => {})
    }
    // A page with an opaque origin may not use locks; it shares its storage with no other tab.
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
