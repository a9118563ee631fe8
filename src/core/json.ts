import { badInput, type InputProblem } from './errors.ts'

/** What a JSON text may hold, whichever door it comes through. */
export const JSON_BOUNDS = {
  /** Nesting of arrays and objects. */
  depth: 64,
  /** Values: scalars, arrays and objects together. */
  values: 10_000,
} as const

/** Problems that one answer names. */
const PROBLEMS_MAX = 10

/**
 * Reads JSON without losing anything: what JavaScript would drop or round is refused (I-JSON, RFC 7493, section 2).
 *
 * @param checked - where numbers and names must be exact, such as `variables.`; everywhere by default
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
    throw badInput([{ path: '', message: `The text is not JSON: ${(error as Error).message.slice(0, 200)}` }])
  }
}

interface JsonProblem extends InputProblem {
  /** The text as a whole is refused, wherever the problem lies. */
  readonly fatal: boolean
}

/** An array or object around the current position. */
interface Frame {
  /** The names so far; undefined in an array. */
  readonly names: Set<string> | undefined
  /** Name or index of the current member. */
  at: string | number
}

const STRING = /"(?:[^"\\]|\\.)*"/y
const NUMBER = /-?[\d.]+(?:[eE][+-]?\d+)?/y

/** Scans a text that is known to be JSON; stops at the bounds. */
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
    if (frame.at === '__proto__') report('cannot be the name of a field')
    else if (frame.names.has(frame.at)) report('is given twice')
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
      if (character !== '"' && !isExact(token)) report(`${token.slice(0, 40)} cannot be held exactly; send a string`)
    } else if (character === '{' || character === '[') {
      values += 1
      if (stack.length >= JSON_BOUNDS.depth) {
        report(`is nested more than ${JSON_BOUNDS.depth} deep`, true)
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
      report(`there are more than ${JSON_BOUNDS.values} values`, true)
      return problems
    }
  }
  return problems
}

/** Significant digits that any double can tell apart. */
const DIGITS_MAX = 17

/**
 * Whether a number, as written in JSON or GraphQL, is held by JavaScript as it is written: no integer beyond 2^53, no
 * overflow, no more digits than a double has.
 */
export function isExact(written: string): boolean {
  const value = Number(written)
  if (!Number.isFinite(value)) return false
  if (/^-?\d+$/.test(written)) return Number.isSafeInteger(value)
  const [digits = ''] = written.replace(/^-?[0.]*/, '').split(/e/i)
  const significant = digits.replace('.', '').replace(/0+$/, '')
  return significant.length <= DIGITS_MAX && (value !== 0 || !/[1-9]/.test(digits))
}
