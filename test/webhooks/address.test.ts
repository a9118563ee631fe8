import { describe, expect, test } from 'vitest'
import { isPublicAddress } from '../../src/webhooks/address.ts'
import { problemOfUrl } from '../../src/webhooks/url-rules.ts'

const PRIVATE = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::a00:1',
  '2001:db8::1',
  '2002:7f00:1::',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'ff02::1',
]

describe('an address', () => {
  test.each(PRIVATE)('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450:4001::1'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )
})

const STRICT = { allowPrivate: false, hosts: undefined }

describe('a URL', () => {
  test.each([
    'http://hooks.example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://0.0.0.0/',
    'https://169.254.169.254/latest/meta-data/',
    'https://localhost/',
    'https://api.localhost/',
    'https://user:password@hooks.example.com/',
    'ftp://hooks.example.com/',
    'javascript:alert(1)',
    'hooks.example.com',
    `https://hooks.example.com/${'x'.repeat(2000)}`,
  ])('%s is refused', (url) => {
    expect(problemOfUrl(url, STRICT)).toBeTypeOf('string')
  })

  test('of a public host is allowed by https', () => {
    expect(problemOfUrl('https://hooks.example.com/rtc?token=1', STRICT)).toBeUndefined()
    expect(problemOfUrl('https://[2606:4700:4700::1111]/', STRICT)).toBeUndefined()
  })

  test('must have a host of the list, if there is one', () => {
    const rules = { allowPrivate: false, hosts: ['hooks.example.com', '*.internal.example'] }
    expect(problemOfUrl('https://HOOKS.example.com/', rules)).toBeUndefined()
    expect(problemOfUrl('https://a.internal.example/', rules)).toBeUndefined()
    expect(problemOfUrl('https://internal.example/', rules)).toMatch(/WEBHOOK_HOSTS/)
    expect(problemOfUrl('https://evil-internal.example/', rules)).toMatch(/WEBHOOK_HOSTS/)
    expect(problemOfUrl('https://example.com/', rules)).toMatch(/WEBHOOK_HOSTS/)
  })

  test('may be private and use http if that is allowed', () => {
    const rules = { allowPrivate: true, hosts: ['hooks.example.com'] }
    expect(problemOfUrl('http://127.0.0.1:8080/', rules)).toBeUndefined()
    expect(problemOfUrl('http://localhost:8080/', rules)).toBeUndefined()
    expect(problemOfUrl('https://example.com/', rules)).toMatch(/WEBHOOK_HOSTS/)
  })
})
