import { describe, expect, test } from 'vitest'
import { isAdmin } from '../../src/core/actor.ts'
import { isUserId } from '../../src/core/actor.ts'
import { sign, verifierWith } from './tokens.ts'

const verify = verifierWith()
const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' }

describe('the user', () => {
  test.each([
    ['one character', 'a'],
    ['128 characters', 'a'.repeat(128)],
    ['128 emoji, which are 256 UTF-16 code units', '🎥'.repeat(128)],
    ['letters of any script', '张伟 · Łukasz · علي'],
    ['an id of another system', 'auth0|5f7c8ec7c33c6c004bbafe82'],
  ])('may be %s', async (_, sub) => {
    await expect(verify(await sign({ sub }))).resolves.toMatchObject({ id: sub })
  })

  test.each([
    ['missing', undefined],
    ['null', null],
    ['a number', 42],
    ['an object', { id: 'alice' }],
    ['empty', ''],
    ['129 characters', 'a'.repeat(129)],
    ['129 emoji', '🎥'.repeat(129)],
    ['a string with NUL', 'ali\u0000ce'],
    ['a string with a line break', 'alice\nbob'],
    ['a string with a lone surrogate', 'alice\ud83c'],
  ])('must not be %s', async (_, sub) => {
    expect(isUserId(sub)).toBe(false)
    await expect(verify(await sign({ sub }))).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test('is read only from the configured claim', async () => {
    const custom = verifierWith({ config: { userClaim: 'https://chat.example/user' } })
    await expect(custom(await sign({ 'https://chat.example/user': 'bob' }))).resolves.toMatchObject({ id: 'bob' })
    await expect(custom(await sign({ sub: 'alice' }))).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test.each(['constructor', 'toString', '__proto__'])('is never an inherited property (%s)', async (userClaim) => {
    const custom = verifierWith({ config: { userClaim } })
    await expect(custom(await sign())).rejects.toMatchObject(UNAUTHENTICATED)
  })
})

const scopesOf = async (claims: Record<string, unknown>) => [...(await verify(await sign(claims))).scopes].toSorted()
const isAdminWith = async (scope: string) => isAdmin(await verify(await sign({ scope })))

describe('the scopes', () => {
  test('are the words of the claim "scope"', async () => {
    expect(await scopesOf({ scope: 'rtc:admin  chat:read ' })).toEqual(['chat:read', 'rtc:admin'])
  })

  test('may come as "scp" or as a list', async () => {
    expect(await scopesOf({ scp: 'rtc:admin' })).toEqual(['rtc:admin'])
    expect(await scopesOf({ scp: ['rtc:admin', 'chat:read'] })).toEqual(['chat:read', 'rtc:admin'])
    expect(await scopesOf({ scope: ['chat:read'], scp: ['rtc:admin'] })).toEqual(['chat:read', 'rtc:admin'])
  })

  test.each([[undefined], [null], [true], [7], [{ 'rtc:admin': true }], [[['rtc:admin']]], ['']])(
    'of any other type (%j) grant nothing',
    async (scope) => {
      expect(await scopesOf({ scope })).toEqual([])
    },
  )

  test('make an administrator only by exactly rtc:admin', async () => {
    expect(await isAdminWith('rtc:admin')).toBe(true)
    expect(await isAdminWith('rtc:administrator')).toBe(false)
    expect(await isAdminWith('RTC:ADMIN')).toBe(false)
  })
})
