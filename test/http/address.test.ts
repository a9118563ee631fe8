import { expect, test } from 'vitest'
import { createAddressReader } from '../../src/http/address.ts'

const clientOf = (proxies: string[], peer: string, forwarded?: string) =>
  createAddressReader(proxies).clientOf(peer, forwarded === undefined ? {} : { 'x-forwarded-for': forwarded })

test('ignores X-Forwarded-For from a peer that is not a trusted proxy', () => {
  expect(clientOf([], '203.0.113.7', '198.51.100.1')).toBe('203.0.113.7')
  expect(clientOf([], '::ffff:203.0.113.7', '198.51.100.1')).toBe('203.0.113.7')
})

test('takes the last forwarded address that is not a trusted proxy', () => {
  const proxies = ['10.0.0.0/8', '192.0.2.1']
  expect(clientOf(proxies, '10.1.2.3', '198.51.100.1')).toBe('198.51.100.1')
  expect(clientOf(proxies, '10.1.2.3', '203.0.113.66, 198.51.100.1, 192.0.2.1')).toBe('198.51.100.1')
  expect(clientOf(proxies, '::ffff:10.1.2.3', '198.51.100.1:4711')).toBe('198.51.100.1')
  expect(clientOf(proxies, '10.1.2.3', 'nonsense')).toBe('10.1.2.3')
  expect(clientOf(proxies, '10.1.2.3', '198.51.100.1, nonsense')).toBe('10.1.2.3')
  expect(clientOf(proxies, '10.1.2.3')).toBe('10.1.2.3')
  expect(clientOf(proxies, '11.1.2.3', '198.51.100.1')).toBe('11.1.2.3')
})

test('accepts loopback and private as names of ranges', () => {
  expect(clientOf(['loopback'], '127.0.0.1', '198.51.100.1')).toBe('198.51.100.1')
  expect(clientOf(['loopback'], '::1', '198.51.100.1')).toBe('198.51.100.1')
  expect(clientOf(['private'], '192.168.7.7', '198.51.100.1')).toBe('198.51.100.1')
  expect(clientOf(['private'], 'fe80::1%eth0', '198.51.100.1')).toBe('198.51.100.1')
  expect(clientOf(['private'], '127.0.0.1', '198.51.100.1')).toBe('127.0.0.1')
})

test('reduces an IPv6 address to its /64, which one customer owns as a whole', () => {
  expect(clientOf([], '2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
  expect(clientOf([], '2001:DB8:1:2::9')).toBe('2001:db8:1:2::/64')
  expect(clientOf([], '2001:db8::9')).toBe('2001:db8:0:0::/64')
  expect(clientOf([], '::1')).toBe('0:0:0:0::/64')
  expect(clientOf(['loopback'], '::1', '[2001:db8:1:2::9]:443')).toBe('2001:db8:1:2::/64')
})
