import { createECDH } from 'node:crypto'
import { expect, test } from 'vitest'
import { encrypt, MESSAGE_MAX } from '../../src/push/encryption.ts'
import { createBrowser } from './browser.ts'

const ENDPOINT = 'https://fcm.googleapis.com/fcm/send/1'

test('a message is encrypted as in the example of RFC 8291', () => {
  const sender = createECDH('prime256v1')
  sender.setPrivateKey('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw', 'base64url')
  const keys = {
    p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
    auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  }
  const salt = Buffer.from('DGv6ra1nlYgDCS1FRnbzlw', 'base64url')
  expect(encrypt('When I grow up, I want to be a watermelon', keys, { salt, sender }).toString('base64url')).toBe(
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl' +
      '7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  )
})

test('only the browser can decrypt a message, and no message is encrypted the same way twice', () => {
  const { subscription, decrypt } = createBrowser(ENDPOINT)
  for (const text of ['', 'ä', 'x'.repeat(MESSAGE_MAX)]) {
    const body = encrypt(text, subscription.keys)
    expect(decrypt(body)).toBe(text)
    expect(encrypt(text, subscription.keys)).not.toEqual(body)
    expect(() => createBrowser(ENDPOINT).decrypt(body)).toThrow('unable to authenticate')
  }
})

test('the longest message is one record that push services accept', () => {
  const { subscription } = createBrowser(ENDPOINT)
  expect(encrypt('x'.repeat(MESSAGE_MAX), subscription.keys).length).toBeLessThanOrEqual(4096)
})
