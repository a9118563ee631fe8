import type { MediaSource } from '../sdk/index.ts'

/** What a reload of the page needs to go on with a call. */
export interface RememberedCall {
  readonly userId: string
  readonly roomId: string
  /** What was published; a browser shares no screen again without being asked. */
  readonly sources: readonly MediaSource[]
}

const KEY = 'call'

/** The call that this tab was in, if it was this user's. */
export function recallCall(userId: string): RememberedCall | undefined {
  const text = sessionStorage.getItem(KEY)
  const call = text === null ? undefined : (JSON.parse(text) as RememberedCall)
  return call?.userId === userId ? call : undefined
}

export const rememberCall = (call: RememberedCall): void => sessionStorage.setItem(KEY, JSON.stringify(call))

export const forgetCall = (): void => sessionStorage.removeItem(KEY)
