import { expect, test } from 'vitest'
import { RtcError } from '../../../src/sdk/errors.ts'
import { deviceError } from '../../../src/sdk/media/device-error.ts'

test.each([
  ['NotAllowedError', 'DEVICE_DENIED'],
  ['SecurityError', 'DEVICE_DENIED'],
  ['InvalidStateError', 'DEVICE_DENIED'],
  ['NotFoundError', 'DEVICE_NOT_FOUND'],
  ['OverconstrainedError', 'DEVICE_NOT_FOUND'],
  ['NotReadableError', 'DEVICE_FAILED'],
  ['AbortError', 'DEVICE_FAILED'],
  ['NotSupportedError', 'NOT_SUPPORTED'],
  ['SomethingElseError', 'MEDIA_FAILED'],
])('%s of the browser is %s, with the cause', (name, code) => {
  const cause = new DOMException('why', name)
  expect(deviceError(cause, 'camera')).toMatchObject({ name: 'RtcError', code, cause })
})

test('the message names the source', () => {
  expect(deviceError(new DOMException('', 'NotAllowedError'), 'screen').message).toContain('screen')
  expect(deviceError(new Error('out of luck'), 'microphone').message).toBe(
    'the microphone cannot be published: out of luck',
  )
})

test('the name of the error decides, whatever its class', () => {
  expect(deviceError({ name: 'NotFoundError' }, 'camera').code).toBe('DEVICE_NOT_FOUND')
})

test.each([undefined, null, 'a word', 'toString', 7, {}, { name: 'constructor' }])(
  '%o, which is not an Error, is MEDIA_FAILED',
  (thrown) => {
    expect(deviceError(thrown, 'camera').code).toBe('MEDIA_FAILED')
  },
)

test('an RtcError is returned unchanged', () => {
  const coded = new RtcError('NOT_SUPPORTED', 'no camera here')
  expect(deviceError(coded, 'camera')).toBe(coded)
})
