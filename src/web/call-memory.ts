import type { MediaSource } from '../sdk/index.ts'

/** What a reloaded page needs to rejoin its call. */
export interface RememberedCall {
  readonly userId: string
  readonly roomId: string
  /** The published sources, without the screen: sharing it again needs a user gesture. */
  readonly sources: readonly MediaSource[]
}

const KEY = 'call'

/** The call that this tab was in, if the same user was signed in. */
export function recallCall(userId: string): RememberedCall | undefined {
  const text = sessionStorage.getItem(KEY)
  const call = text === null ? undefined : (JSON.parse(text) as RememberedCall)
  return call?.userId === userId ? call : undefined
}

export const rememberCall = (call: RememberedCall): void => sessionStorage.setItem(KEY, JSON.stringify(call))

export const forgetCall = (): void => sessionStorage.removeItem(KEY)
