import { expect, test } from 'vitest'
import { ALWAYS } from '../../src/events/interest.ts'
import { Subscribers } from '../../src/events/subscribers.ts'

class Subscriber {
  closed = 0

  close(): void {
    this.closed += 1
  }
}

test('a key is registered as long as it has a subscriber', () => {
  const subscribers = new Subscribers<Subscriber>(() => ALWAYS)
  const removals = [subscribers.add('room', new Subscriber()), subscribers.add('room', new Subscriber())]
  expect([subscribers.size, subscribers.count('room'), subscribers.has('room')]).toEqual([1, 2, true])
  for (const remove of removals) remove()
  expect([subscribers.size, subscribers.count('room'), subscribers.has('room')]).toEqual([0, 0, false])
})

test('removing a subscriber twice does not remove later subscribers', () => {
  const subscribers = new Subscribers<Subscriber>(() => ALWAYS)
  const remove = subscribers.add('room', new Subscriber())
  remove()
  const later = new Subscriber()
  subscribers.add('room', later)
  remove()
  expect([...subscribers.of('room')]).toEqual([later])
})

test('batches contain every subscriber and every key once', () => {
  const subscribers = new Subscribers<Subscriber>(() => ALWAYS)
  for (const key of ['a', 'b', 'c', 'a', 'b', 'a']) subscribers.add(key, new Subscriber())
  expect([...subscribers.keyBatches(2)]).toEqual([['a', 'b'], ['c']])
  const batches = [...subscribers.batches(4)]
  expect(batches.map((batch) => batch.length)).toEqual([4, 2])
  expect(new Set(batches.flat()).size).toBe(6)
})

test('close closes each subscriber once, even if a subscriber removes itself meanwhile', () => {
  const subscribers = new Subscribers<Subscriber>(() => ALWAYS)
  const removed = new Subscriber()
  const remove = subscribers.add('room', removed)
  const others = [new Subscriber(), new Subscriber()]
  for (const other of others) subscribers.add('room', other)
  removed.close = () => {
    removed.closed += 1
    remove()
  }
  subscribers.close()
  expect([removed, ...others].map(({ closed }) => closed)).toEqual([1, 1, 1])
  expect(subscribers.size).toBe(0)
})

test('a key is watched from its first subscriber to its last', () => {
  const watched: string[] = []
  const released: string[] = []
  const subscribers = new Subscribers<Subscriber>((key) => {
    watched.push(key)
    return { ready: undefined, release: () => void released.push(key) }
  })
  const removals = [subscribers.add('room', new Subscriber()), subscribers.add('room', new Subscriber())]
  subscribers.add('other', new Subscriber())
  expect(watched).toEqual(['room', 'other'])
  for (const remove of [...removals, ...removals]) remove()
  expect(released).toEqual(['room'])
  subscribers.close()
  expect(released).toEqual(['room', 'other'])
})
