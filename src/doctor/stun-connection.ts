import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { decode, lengthOf, type StunMessage } from './stun.ts'

/** The server of a `stun:`, `turn:` or `turns:` URL: https://www.rfc-editor.org/rfc/rfc7065 */
export interface StunServer {
  readonly host: string
  readonly port: number
  readonly transport: 'udp' | 'tcp' | 'tls'
}

/** @returns undefined if the URL is invalid, or asks for DTLS, which is not supported */
export function parseServer(url: string): StunServer | undefined {
  const pattern = /^(stun|turn)(s?):(\[[\da-f:.]+\]|[^:?/[\]]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i
  const [, , secure, host, port, transport] = pattern.exec(url) ?? []
  if (host === undefined || (secure && transport === 'udp')) return undefined
  return {
    host: host.replaceAll(/[[\]]/g, ''),
    port: Number(port ?? (secure ? 5349 : 3478)),
    transport: secure ? 'tls' : transport === 'tcp' ? 'tcp' : 'udp',
  }
}

export interface StunConnection {
  /**
   * Sends a request and waits for its response.
   *
   * @throws Error if the connection fails or the time is over
   */
  exchange(request: Buffer): Promise<StunMessage>
  close(): void
}

/** Milliseconds between repetitions of a request over UDP: https://www.rfc-editor.org/rfc/rfc8489#section-6.2.1 */
const REPEAT_EVERY = 500

/** @param timeout - milliseconds for connecting, and for each response */
export async function openConnection(server: StunServer, timeout: number): Promise<StunConnection> {
  return server.transport === 'udp' ? await openUdp(server, timeout) : await openStream(server, timeout)
}

async function openUdp({ host, port }: StunServer, timeout: number): Promise<StunConnection> {
  const { address, family } = await lookup(host)
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.connect(port, address, () => resolve())
  })
  return {
    exchange: (request) =>
      responseTo(request, timeout, (settle, fail) => {
        const send = () => socket.send(request)
        const onMessage = (bytes: Buffer) => settle(decode(bytes))
        socket.on('message', onMessage).on('error', fail)
        const repeating = setInterval(send, REPEAT_EVERY)
        send()
        return () => {
          clearInterval(repeating)
          socket.off('message', onMessage).off('error', fail)
        }
      }),
    close: () => void socket.close(),
  }
}

async function openStream({ host, port, transport }: StunServer, timeout: number): Promise<StunConnection> {
  // A server name must not be an IP address (RFC 6066, section 3).
  const socket: Socket =
    transport === 'tls'
      ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) })
      : connect({ host, port })
  const established = transport === 'tls' ? 'secureConnect' : 'connect'
  await within<void>(timeout, (resolve, reject) => {
    socket.once(established, () => resolve()).once('error', reject)
    return () => void socket.off('error', reject)
  }).catch((error: unknown) => {
    socket.on('error', () => undefined).destroy()
    throw error
  })
  let received = Buffer.alloc(0)
  return {
    exchange: (request) =>
      responseTo(request, timeout, (settle, fail) => {
        const onData = (chunk: Buffer) => {
          received = Buffer.concat([received, chunk])
          for (let length = lengthOf(received); length !== undefined; length = lengthOf(received)) {
            settle(decode(received.subarray(0, length)))
            received = received.subarray(length)
          }
        }
        const onClose = () => fail(new Error('the server has closed the connection'))
        socket.on('data', onData).on('error', fail).on('close', onClose)
        socket.write(request)
        return () => void socket.off('data', onData).off('error', fail).off('close', onClose)
      }),
    close: () => void socket.on('error', () => undefined).destroy(),
  }
}

/** Resolves with the message that has the transaction id of the request. */
const responseTo = (
  request: Buffer,
  timeout: number,
  listen: (settle: (message: StunMessage | undefined) => void, fail: (error: Error) => void) => () => void,
): Promise<StunMessage> =>
  within(timeout, (resolve, reject) =>
    listen((message) => {
      if (message?.transactionId.equals(request.subarray(8, 20))) resolve(message)
    }, reject),
  )

/** Like `new Promise`; rejects after `timeout` milliseconds. @param begin returns how to clean up */
async function within<T>(
  timeout: number,
  begin: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
): Promise<T> {
  let end = () => {}
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeout / 1000} seconds`)), timeout)
      end = begin(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    end()
  }
}
