import { describe, expect, test } from 'vitest'
import { problemOfEndpoint, PUSH_SERVICES } from '../../src/push/endpoint-rules.ts'

const STRICT = { allowPrivate: false, hosts: PUSH_SERVICES }

describe('an endpoint', () => {
  test.each([
    'https://fcm.googleapis.com/fcm/send/abc',
    'https://updates.push.services.mozilla.com/wpush/v2/abc',
    'https://web.push.apple.com/abc',
    'https://wns2-par02p.notify.windows.com/w/?token=abc',
  ])('%s is allowed', (endpoint) => {
    expect(problemOfEndpoint(endpoint, STRICT)).toBeUndefined()
  })

  test.each([
    'http://fcm.googleapis.com/fcm/send/abc',
    'https://fcm.googleapis.com.evil.example/',
    'https://evil.example/?fcm.googleapis.com',
    'https://user:password@fcm.googleapis.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://[::1]/',
    'https://localhost/',
    'https://169.254.169.254/',
    'fcm.googleapis.com',
    '',
  ])('%s is refused', (endpoint) => {
    expect(problemOfEndpoint(endpoint, STRICT)).toBeTypeOf('string')
  })

  test('may have any public host if the configuration says so', () => {
    const open = { allowPrivate: false, hosts: ['*'] }
    expect(problemOfEndpoint('https://push.example.com/abc', open)).toBeUndefined()
    expect(problemOfEndpoint('https://10.0.0.1/abc', open)).toBeTypeOf('string')
  })

  test('may be private, but never plain http, if private addresses are allowed', () => {
    const open = { allowPrivate: true, hosts: PUSH_SERVICES }
    expect(problemOfEndpoint('https://127.0.0.1:8443/abc', open)).toBeUndefined()
    expect(problemOfEndpoint('http://127.0.0.1:8443/abc', open)).toMatch(/https/)
    expect(problemOfEndpoint('https://push.example.com/abc', open)).toMatch(/PUSH_HOSTS/)
  })
})
