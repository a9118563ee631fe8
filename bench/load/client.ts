import { HttpConnection, requestBytes } from './http.ts'
import { type Operation, OPERATIONS } from './operations.ts'
import { tokenOf } from './tokens.ts'

export const GRAPHQL = '/graphql'
export const REST = '/im/api/v1/rtc'

/** Connections opened at the same time. */
const OPENING = 128

/** Connections to one server, one per lane. */
export class Client {
  readonly url: string
  readonly #lanes: readonly HttpConnection[]

  private constructor(url: string, lanes: readonly HttpConnection[]) {
    this.url = url
    this.#lanes = lanes
  }

  static async connect(url: string, lanes: number): Promise<Client> {
    const client = new Client(
      url,
      Array.from({ length: lanes }, () => new HttpConnection(url)),
    )
    await client.refresh()
    return client
  }

  /**
   * Opens the connections that were idle for too long, so that their handshakes are not measured. Not all at once: what
   * exceeds the backlog of a listening socket waits a second for the next attempt.
   */
  async refresh(): Promise<void> {
    for (let from = 0; from < this.#lanes.length; from += OPENING) {
      await Promise.all(this.#lanes.slice(from, from + OPENING).map((connection) => connection.refresh()))
    }
  }

  /** The bytes of a GraphQL request. */
  async prepare(userId: string, operation: Operation, variables: object): Promise<Buffer> {
    const body = { operationName: operation, query: OPERATIONS[operation], variables }
    return requestBytes(this.url, { path: GRAPHQL, token: await tokenOf(userId), body })
  }

  /**
   * Sends a request on the lane's connection.
   *
   * @throws Error when the response is not successful
   */
  async send(lane: number, request: Buffer): Promise<Buffer> {
    const connection = this.#lanes[lane]
    if (!connection) throw new RangeError(`there is no lane ${lane}`)
    const { status, body } = await connection.send(request)
    if (status >= 300 || body.includes('"errors":'))
      throw new Error(`${this.url} answers ${status}: ${body.toString()}`)
    return body
  }

  /** Executes an operation; returns `data`. */
  async graphql<T>(lane: number, userId: string, operation: Operation, variables: object): Promise<T> {
    const body = await this.send(lane, await this.prepare(userId, operation, variables))
    return (JSON.parse(body.toString()) as { data: T }).data
  }

  async rest<T>(lane: number, userId: string, method: string, path: string, body?: object): Promise<T> {
    const token = await tokenOf(userId)
    const request = requestBytes(this.url, { method, path: REST + path, token, ...(body && { body }) })
    return JSON.parse((await this.send(lane, request)).toString()) as T
  }

  close(): void {
    for (const connection of this.#lanes) connection.close()
  }
}
