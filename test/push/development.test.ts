import { readFile, stat, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { developmentVapid } from '../../src/push/development.ts'
import { isPublicKey, newVapidKeys, publicKeyOf } from '../../src/push/vapid.ts'
import { makeDirectory } from '../scratch.ts'

test('the keys of development mode are created once, for the owner of the data alone', async () => {
  const dataDir = await makeDirectory('vapid')
  const [first, concurrent] = await Promise.all([developmentVapid(dataDir), developmentVapid(dataDir)])
  expect(concurrent).toEqual(first)
  expect(await developmentVapid(dataDir)).toEqual(first)
  expect(isPublicKey(first.publicKey)).toBe(true)
  expect(await readFile(`${dataDir}/development-vapid`, 'utf8')).toBe(first.privateKey)
  expect((await stat(`${dataDir}/development-vapid`)).mode & 0o777).toBe(0o600)
})

test('a damaged file is reported', async () => {
  const dataDir = await makeDirectory('vapid')
  await writeFile(`${dataDir}/development-vapid`, 'nonsense')
  await expect(developmentVapid(dataDir)).rejects.toThrow(/DATA_DIR: development-vapid .*delete the file/)
})

test('new keys belong together and are not repeated', () => {
  const keys = Array.from({ length: 300 }, () => newVapidKeys('mailto:operator@example.com'))
  for (const { publicKey, privateKey } of keys) expect(publicKeyOf(privateKey)).toBe(publicKey)
  expect(new Set(keys.map(({ privateKey }) => privateKey)).size).toBe(keys.length)
})
