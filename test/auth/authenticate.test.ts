import { describe, expect, test } from 'vitest'
import { authorizationOf, createAuthenticate } from '../../src/auth/authenticate.ts'
import { TokenExpired } from '../../src/auth/refusal.ts'
import { seconds, sign, verifierWith } from './tokens.ts'

const authenticate = createAuthenticate(verifierWith())
const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' }

describe('the header', () => {
  test.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('accepts the scheme as %s', async (scheme) => {
    await expect(authenticate(`${scheme} ${await sign()}`)).resolves.toMatchObject({ id: 'alice' })
  })

  test('may have spaces around the token', async () => {
    await expect(authenticate(`Bearer   ${await sign()}  `)).resolves.toMatchObject({ id: 'alice' })
  })

  test.each([undefined, null, ''])('without a token (%j) authenticates nobody', async (authorization) => {
    await expect(authenticate(authorization)).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test.each([
    '<token>',
    'Bearer',
    'Bearer ',
    'Bearer<token>',
    'Basic <token>',
    'Token <token>',
    'Bearer <token> <token>',
    'Bearer <token>, Bearer <token>',
    'Bearer "<token>"',
    ' Bearer <token>',
    'Bearer undefined',
  ])('of the form "%s" authenticates nobody', async (form) => {
    const header = form.replaceAll('<token>', await sign())
    await expect(authenticate(header)).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test('with an expired token is refused with TokenExpired', async () => {
    const token = await sign({ exp: seconds(-60) })
    await expect(authenticate(`Bearer ${token}`)).rejects.toBeInstanceOf(TokenExpired)
  })
})

describe('the connection parameters', () => {
  test.each(['authorization', 'Authorization', 'AUTHORIZATION', 'authoriZation'])('may have the key %s', (key) => {
    expect(authorizationOf({ [key]: 'Bearer x' })).toBe('Bearer x')
    expect(authorizationOf({ headers: { [key]: 'Bearer x' } })).toBe('Bearer x')
    expect(authorizationOf({ Headers: { [key]: 'Bearer x' } })).toBe('Bearer x')
  })

  test('take precedence at the top level over "headers"', () => {
    expect(authorizationOf({ authorization: 'Bearer top', headers: { authorization: 'Bearer below' } })).toBe(
      'Bearer top',
    )
    expect(authorizationOf({ authorization: null, headers: { authorization: 'Bearer below' } })).toBe('Bearer below')
  })

  test.each([undefined, null, {}, [], 'Bearer x', 7, { token: 'x' }, { authorization: null }, { headers: null }])(
    'without the key (%j) contain no authorization',
    (params) => {
      expect(authorizationOf(params)).toBeUndefined()
    },
  )

  test.each([7, true, {}, ['Bearer x']])('with a value that is not a string (%j) are refused', (value) => {
    expect(() => authorizationOf({ authorization: value })).toThrow(expect.objectContaining(UNAUTHENTICATED))
    expect(() => authorizationOf({ headers: { Authorization: value } })).toThrow(
      expect.objectContaining(UNAUTHENTICATED),
    )
  })

  test('authenticate like the header', async () => {
    const params = { Authorization: `Bearer ${await sign()}` }
    await expect(authenticate(authorizationOf(params))).resolves.toMatchObject({ id: 'alice' })
  })
})
