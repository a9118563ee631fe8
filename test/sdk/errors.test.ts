import { expect, test } from 'vitest'
import { ERRORS } from '../../src/core/errors.ts'
import { CLIENT_ERROR_CODES, GATEWAY_ERROR_CODES } from '../../src/sdk/index.ts'

test("the SDK's error codes are the gateway's and its own, without overlap", () => {
  expect(GATEWAY_ERROR_CODES).toEqual(Object.keys(ERRORS))
  expect(CLIENT_ERROR_CODES.filter((code) => code in ERRORS)).toEqual([])
})
