import { type InputProblem, RtcError } from './errors.ts'

/** Returns what is wrong with a value; undefined if nothing is. */
type Check = (value: unknown) => string | undefined

export const nonEmptyString: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be a non-empty string'
export const boolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')
export const nonEmptyStrings: Check = (value) =>
  Array.isArray(value) && value.every((entry) => nonEmptyString(entry) === undefined)
    ? undefined
    : 'must be a list of non-empty strings'
export const integer =
  (least: number, most: number): Check =>
  (value) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most
      ? undefined
      : `must be an integer from ${least} to ${most}`
export const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && values.includes(value) ? undefined : `must be ${values.join(' or ')}`
/** Enum values are lower case in the SDK; GraphQL's upper case is accepted, too. */
export const enumOf =
  (...values: readonly string[]): Check =>
  (value) =>
    oneOf(...values)(typeof value === 'string' ? value.toLowerCase() : value)
/** Not checked here: the gateway or the browser validates it. */
export const anything: Check = () => undefined

/** A JSON object that survives serialization without loss. */
export const json: Check = (value) => {
  if (!isRecord(value)) return 'must be an object'
  try {
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part === 'bigint' || typeof part === 'function' || typeof part === 'symbol') {
        throw new TypeError(`a ${typeof part} is not JSON`)
      }
      if (typeof part === 'number' && !Number.isFinite(part)) throw new TypeError(`${part} is not JSON`)
      return part
    })
    return undefined
  } catch (error) {
    return `must be JSON: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** @throws RtcError BAD_USER_INPUT that names the argument */
export function checkArgument(path: string, value: unknown, check: Check): void {
  const message = check(value)
  if (message !== undefined) throw badInput([{ path, message }])
}

/**
 * Checks an options object: every option must be known and pass its check. `undefined` counts as absent.
 *
 * @throws RtcError BAD_USER_INPUT that names every option with a problem
 */
export function checkOptions(
  options: unknown,
  checks: Readonly<Record<string, Check>>,
  required: readonly string[] = [],
): void {
  if (!isRecord(options)) throw badInput([{ path: 'options', message: 'must be an object' }])
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const problems = given.flatMap(([path, value]) => {
    const check = Object.hasOwn(checks, path) ? checks[path] : undefined
    const message = check ? check(value) : `is unknown; known are ${Object.keys(checks).join(', ')}`
    return message === undefined ? [] : [{ path, message }]
  })
  const names = new Set(given.map(([path]) => path))
  const missing = required.filter((path) => !names.has(path)).map((path) => ({ path, message: 'is missing' }))
  if (problems.length + missing.length > 0) throw badInput([...missing, ...problems])
}

export function badInput(problems: readonly InputProblem[]): RtcError {
  const summary = problems.map(({ path, message }) => `${path} ${message}`).join('; ')
  return new RtcError('BAD_USER_INPUT', `${summary}.`, { problems })
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
