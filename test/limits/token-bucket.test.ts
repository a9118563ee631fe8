import { describe, expect, it } from 'vitest'
import { TokenBuckets } from '../../src/limits/token-bucket.ts'
import { manualClock } from '../world.ts'

describe('token buckets', () => {
  it('grant a burst of the capacity, then return the seconds to wait', () => {
    const buckets = new TokenBuckets({ capacity: 3, refill: 0.5 }, { clock: manualClock() })
    expect([1, 2, 3, 4].map(() => buckets.take('alice'))).toEqual([0, 0, 0, 2])
  })

  it('refill over time, up to the capacity', () => {
    const clock = manualClock()
    const buckets = new TokenBuckets({ capacity: 2, refill: 1 }, { clock })
    buckets.take('alice', 2)
    clock.advance(1)
    expect([buckets.take('alice'), buckets.take('alice')]).toEqual([0, 1])
    clock.advance(3600)
    expect([1, 2, 3].map(() => buckets.take('alice'))).toEqual([0, 0, 1])
  })

  it('are separate for each key', () => {
    const buckets = new TokenBuckets({ capacity: 1, refill: 1 }, { clock: manualClock() })
    buckets.take('alice')
    expect(buckets.take('alice')).toBe(1)
    expect(buckets.take('bob')).toBe(0)
  })

  it('grant a cost above the capacity when full, and refill the difference before the next grant', () => {
    const buckets = new TokenBuckets({ capacity: 10, refill: 1 }, { clock: manualClock() })
    expect(buckets.take('alice', 25)).toBe(0)
    expect(buckets.take('alice', 1)).toBe(16)
  })

  it('count usage granted by another node, with a debt of at most one capacity', () => {
    const buckets = new TokenBuckets({ capacity: 10, refill: 1 }, { clock: manualClock() })
    buckets.spend('alice', 1000)
    expect(buckets.take('alice', 1)).toBe(11)
  })

  it('are bounded in number; the least recently used bucket is evicted', () => {
    const buckets = new TokenBuckets({ capacity: 1, refill: 0.001 }, { clock: manualClock(), maxKeys: 100 })
    for (let n = 0; n < 10_000; n += 1) buckets.take(`user-${n}`)
    expect(buckets.size).toBe(100)
    expect(buckets.take('user-9999')).toBeGreaterThan(0)
  })

  it('are evicted once they are full again', () => {
    const clock = manualClock()
    const buckets = new TokenBuckets({ capacity: 1, refill: 1 }, { clock })
    for (let n = 0; n < 1000; n += 1) buckets.take(`user-${n}`)
    clock.advance(60)
    for (let n = 0; n < 1000; n += 1) buckets.take('alice')
    expect(buckets.size).toBe(1)
  })
})
