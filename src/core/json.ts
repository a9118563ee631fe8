import { badInput, type InputProblem } from './errors.ts'

/** Bounds of a JSON text from a client, for every transport. */
export const JSON_BOUNDS = {
  /** Maximum nesting of arrays and objects. */
  depth: 64,
  /** Maximum number of values: scalars, arrays and objects together. */
  values: 10_000,
} as const

/** Maximum number of non-fatal problems that are reported. */
const PROBLEMS_MAX = 10

/**
 * Parses JSON without loss: rejects duplicate names and numbers that JavaScript would drop or round (I-JSON, RFC 7493,
 * section 2).
 *
 * @param checked - prefix of the paths that are checked for loss, such as `variables.`. @default '' (all paths)
 * @throws RtcError BAD_USER_INPUT that names the path
 */
export function readJson(text: string, { checked = '' }: { checked?: string } = {}): unknown {
  const value = parse(text)
  const problems = inspectJson(text).filter(({ path, fatal }) => fatal || `${path}.`.startsWith(checked))
  if (problems.length > 0) throw badInput(problems.map(({ path, message }) => ({ path, message })))
  return value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badInput([{ path: '', message: `Invalid JSON: ${(error as Error).message.slice(0, 200)}` }])
  }
}

interface JsonProblem extends InputProblem {
  /** Whether the whole text is rejected, regardless of the path. */
  readonly fatal: boolean
}

/** An array or object that encloses the current position. */
interface Frame {
  /** The names read so far; undefined for an array. */
  readonly names: Set<string> | undefined
  /** Name or index of the current element. */
  at: string | number
}

const STRING = /"(?:[^"\\]|\\.)*"/y
const NUMBER = /-?[\d.]+(?:[eE][+-]?\d+)?/y

/** Scans a valid JSON text for problems; stops when a bound is exceeded. */
export function inspectJson(text: string): JsonProblem[] {
  const problems: JsonProblem[] = []
  const stack: Frame[] = []
  let values = 0
  let position = 0
  const report = (message: string, fatal = false) => {
    const path = stack.map(({ at }) => at).join('.')
    if (problems.length < PROBLEMS_MAX || fatal) problems.push({ path: path.slice(0, 500), message, fatal })
  }
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = position
    const [token] = pattern.exec(text) ?? ['']
    position += token.length
    return token
  }
  const name = (frame: Frame & { readonly names: Set<string> }) => {
    const token = take(STRING)
    frame.at = token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1)
    if (frame.at === '__proto__') report('is not allowed as a field name')
    else if (frame.names.has(frame.at)) report('is a duplicate field')
    frame.names.add(frame.at)
  }

  let expectsName = false
  while (position < text.length) {
    const character = text[position]
    const frame = stack.at(-1)
    if (character === '"' && expectsName && frame?.names) {
      name(frame as Frame & { names: Set<string> })
      expectsName = false
      continue
    }
    if (character === '"' || character === '-' || (character !== undefined && character >= '0' && character <= '9')) {
      values += 1
      const token = take(character === '"' ? STRING : NUMBER)
      if (character !== '"' && !isExact(token)) report(`${token.slice(0, 40)} would lose precision; send a string`)
    } else if (character === '{' || character === '[') {
      values += 1
      if (stack.length >= JSON_BOUNDS.depth) {
        report(`exceeds the nesting limit of ${JSON_BOUNDS.depth}`, true)
        return problems
      }
      expectsName = character === '{'
      stack.push({ names: expectsName ? new Set() : undefined, at: expectsName ? '' : 0 })
      position += 1
    } else {
      if (character === '}' || character === ']') stack.pop()
      else if (character === ',' && frame) {
        expectsName = frame.names !== undefined
        if (typeof frame.at === 'number') frame.at += 1
      } else if (character === 't' || character === 'f' || character === 'n') {
        values += 1
        position += 3
      }
      position += 1
    }
    if (values > JSON_BOUNDS.values) {
      report(`exceeds the limit of ${JSON_BOUNDS.values} values`, true)
      return problems
    }
  }
  return problems
}

/** Significant decimal digits that identify any double. */
const DIGITS_MAX = 17

/**
 * Whether JavaScript represents a number literal of JSON or GraphQL without loss: a safe integer, no overflow or
 * underflow, and no more significant digits than a double has.
 */
export function isExact(written: string): boolean {
  const value = Number(written)
  if (!Number.isFinite(value)) return false
  if (/^-?\d+$/.test(written)) return Number.isSafeInteger(value)
  const [digits = ''] = written.replace(/^-?[0.]*/, '').split(/e/i)
  const significant = digits.replace('.', '').replace(/0+$/, '')
  return significant.length <= DIGITS_MAX && (value !== 0 || !/[1-9]/.test(digits))
}
