import { randomId } from './random-id.ts'

const KEY = 'openchat.rtc.deviceId'

/** Milliseconds until whoever holds an id is taken for another tab, and not for this one before its reload. */
const CLAIM_TIMEOUT = 500

let ofTab: Promise<string> | undefined

/**
 * One for each browser tab: the same after a reload, another one in a tab that was duplicated. Where there are no tabs, as
 * in Node.js, another one each time.
 */
export const deviceId = async (): Promise<string> => {
  const tab = storage()
  return tab ? (ofTab ??= find(tab)) : randomId()
}

function storage(): Storage | undefined {
  try {
    return 'window' in globalThis ? sessionStorage : undefined
  } catch {
    // A page that may not store.
    return undefined
  }
}

async function find(tab: Storage): Promise<string> {
  const stored = tab.getItem(KEY)
  const id = stored !== null && (await claim(stored)) ? stored : randomId()
  tab.setItem(KEY, id)
  if (id !== stored) await claim(id)
  return id
}

/** Whether the id is this tab's, as long as it lives: https://w3c.github.io/web-locks/ */
function claim(id: string): Promise<boolean> {
  const locks = (navigator as Partial<Navigator>).locks
  if (!locks) return Promise.resolve(true)
  return new Promise((resolve) => {
    const asked = locks.request(`${KEY}.${id}`, { signal: AbortSignal.timeout(CLAIM_TIMEOUT) }, () => {
      resolve(true)
      return new Promise(() => {})
    })
    asked.catch(() => resolve(false))
  })
}
