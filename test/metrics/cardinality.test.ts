import WebSocket from 'ws'
import { once } from 'node:events'
import { expect, test, vi } from 'vitest'
import { withWorld } from '../world.ts'
import { METRICS_TOKEN, scrape } from './scrape.ts'

/** Series that depend on what the process happens to hold, not on clients. */
const ofProcess = /^(nodejs|process)_/

test('a thousand odd paths, methods, names and close codes create no more series than a few do', () =>
  withWorld(
    async ({ alice, url }) => {
      const authorization = `Bearer ${alice.token}`
      const send = (path: string, method = 'GET') => fetch(url + path, { method, headers: { authorization } })
      const oddities = async (n: number) => {
        await send(`/odd/${n}`)
        await send(`/im/api/v1/rtc/odd-${n}`)
        await send(`/im/api/v1/rtc/rooms/odd-${n}`)
        await send(`/assets/odd-${n}`)
        await send(`/graphql/graphiql-${n}`)
        await send(`/`, `ODD${n}`).catch(() => undefined)
        await alice.graphql(`query Odd${n} { odd${n}: me { id } }`)
        await alice.graphql(`query Odd${n} { odd${n} }`)
        await alice.graphql(`mutation Odd${n} { odd${n}: endRoom(input: { roomId: "${n}" }) { room { id } } }`)
        await fetch(`${url}/graphql`, { headers: { authorization: `Bearer odd.${n}.odd` } })
      }
      const closeWith = async (code: number) => {
        const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
        await once(socket, 'open')
        socket.close(code)
        await once(socket, 'close')
      }
      const series = async () => (await scrape(url)).series.filter((name) => !ofProcess.test(name))

      for (let n = 0; n < 2; n += 1) await oddities(n)
      for (const code of [1000, 3000]) await closeWith(code)
      await vi.waitFor(async () => expect(await series()).toContain('rtc_socket_closes_total{code="other"}'))
      const few = await series()
      for (let n = 2; n < 102; n += 1) await oddities(n)
      for (let code = 3001; code < 3021; code += 1) await closeWith(code)
      await vi.waitFor(async () => expect((await scrape(url)).value('rtc_socket_closes_total{code="other"}')).toBe(21))
      const many = await series()
      expect(many.filter((name) => !few.includes(name))).toEqual([])
      expect(many.filter((name) => /odd/i.test(name))).toEqual([])
    },
    { env: { METRICS_TOKEN } },
  ))
