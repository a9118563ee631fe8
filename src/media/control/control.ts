/** A user in a room of a media service. */
export interface MediaUser {
  readonly roomId: string
  /** The user as the service knows them: the user id, or the uid as a decimal number. */
  readonly mediaId: string
}

export interface BanOptions {
  /**
   * Seconds for which the token that the user still has must not admit them again; 0 for a user who may enter again. A
   * service that cannot ban ignores it.
   */
  readonly ban: number
}

/** A user who is in a room. */
export interface PresentUser {
  readonly mediaId: string
  /** The service's id of the stay. */
  readonly stay: string
  readonly enteredAt: Date
}

/**
 * Removes users from the rooms of a media service. Every operation may be repeated: what has already happened, or concerns a
 * user or a room that the service does not know, is no error.
 */
export interface RoomControl {
  /** @returns what `lift` requires; null if there is nothing to lift */
  remove(user: MediaUser, options: BanOptions): Promise<string | null>
  /** Removes everybody. The room's id is never used again. */
  end(roomId: string, options: BanOptions): Promise<void>
  /** Ends a ban. Absent if the service's bans do not affect later tokens. */
  lift?(user: MediaUser, ban: string): Promise<void>
  /** When the user entered; null if they are not in the room. Absent if the service does not tell. */
  enteredAt?(user: MediaUser): Promise<Date | null>
  /** The users in a room. Absent if the service does not tell. */
  list?(roomId: string): Promise<readonly PresentUser[]>
}

/** A failed call of a media service. */
export class ControlError extends Error {
  override readonly name = 'ControlError'
  /** False if the same call will fail again, whatever the operator and the service do. */
  readonly retriable: boolean
  /** The rate of calls is too high. */
  readonly overloaded: boolean

  constructor(
    message: string,
    { retriable, overloaded = false, cause }: { retriable: boolean; overloaded?: boolean; cause?: unknown },
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.retriable = retriable
    this.overloaded = overloaded
  }
}

/**
 * Whether a call that was answered with this status may succeed later: after the service has recovered, the rate has
 * decreased, or the operator has corrected the credentials.
 */
export const isRetriable = (status: number): boolean => status >= 500 || [401, 403, 408, 429].includes(status)

export interface ApiResponse {
  readonly status: number
  /** Undefined if the body is not JSON. */
  readonly body: unknown
}

/** The status of a call above the permitted rate. */
export const TOO_MANY = 429
/** Milliseconds. */
const TIMEOUT = 10_000
/** Length of a response in an error's message. */
const QUOTE_MAX = 300

/**
 * Sends a request to a media service.
 *
 * @throws ControlError if the service does not respond
 */
export async function callApi(
  url: URL,
  { timeout = TIMEOUT, ...request }: Pick<RequestInit, 'method' | 'headers' | 'body'> & { readonly timeout?: number },
): Promise<ApiResponse> {
  try {
    const response = await fetch(url, { ...request, redirect: 'error', signal: AbortSignal.timeout(timeout) })
    return { status: response.status, body: parse(await response.text()) }
  } catch (error) {
    throw new ControlError(`${url.host} does not respond`, { retriable: true, cause: error })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The error for a refused call. */
export function refused(
  service: string,
  { status, body }: ApiResponse,
  overloaded = status === TOO_MANY,
): ControlError {
  const quote = (JSON.stringify(body) ?? 'no JSON').slice(0, QUOTE_MAX)
  return new ControlError(`${service} answered ${status}: ${quote}`, {
    retriable: overloaded || isRetriable(status),
    overloaded: overloaded || status === TOO_MANY,
  })
}

/** A number of seconds, at least `min` and at most `max`; 0 stays 0. */
export const clamp = (seconds: number, { min, max }: { min: number; max: number }): number =>
  seconds === 0 ? 0 : Math.min(Math.max(Math.ceil(seconds), min), max)
