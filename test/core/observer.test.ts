import { expect, test } from 'vitest'
import { combineObservers, type Observer } from '../../src/core/observer.ts'

const conflict = { roomId: 'r' }

test('passes a fact to every observer', () => {
  const seen: string[] = []
  const observer = (name: string): Observer => ({ conflict: ({ roomId }) => void seen.push(`${name} ${roomId}`) })
  combineObservers([observer('a'), {}, observer('b')], () => undefined).conflict?.(conflict)
  expect(seen).toEqual(['a r', 'b r'])
})

test('has no handler for a fact that no observer handles', () => {
  expect(combineObservers([{ conflict: () => undefined }, {}], () => undefined).command).toBeUndefined()
})

test('calls handlers as methods of their observer', () => {
  class Counter implements Observer {
    count = 0
    conflict(): void {
      this.count += 1
    }
  }
  const counter = new Counter()
  combineObservers([counter], () => undefined).conflict?.(conflict)
  expect(counter.count).toBe(1)
})

test('reports an error of a handler, and calls the others', () => {
  const [errors, seen]: [unknown[], string[]] = [[], []]
  const failure = new Error('broken')
  const broken: Observer = {
    conflict() {
      throw failure
    },
  }
  const observer: Observer = { conflict: ({ roomId }) => void seen.push(roomId) }
  combineObservers([broken, observer], (error, name) => void errors.push([name, error])).conflict?.(conflict)
  expect(errors).toEqual([['conflict', failure]])
  expect(seen).toEqual(['r'])
})
