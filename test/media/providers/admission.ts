/** The verified content of a token. */
export interface TokenContent {
  readonly roomId?: string
  readonly userId: string
  /** Seconds since the epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
  readonly mayPublish?: boolean
  readonly maySubscribe?: boolean
}

/** The admission in the tests of all providers. */
export const ADMISSION = {
  roomId: '01900000-0000-7000-8000-00000000abcd',
  userId: 'alice@例え.example',
  uid: 7,
  mayPublish: true,
  issuedAt: Math.floor(Date.now() / 1000),
  ttl: 3600,
} as const

/** Reads consecutive values. */
export class ByteReader {
  #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get rest(): Buffer {
    return this.#bytes
  }

  take(length: number): Buffer {
    if (this.#bytes.length < length)
      throw new Error(`expected ${length} bytes, but only ${this.#bytes.length} are left`)
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  uint16 = (): number => this.take(2).readUInt16LE()
  uint32 = (): number => this.take(4).readUInt32LE()
  bytes16 = (): Buffer => this.take(this.uint16())
  text16 = (): string => new TextDecoder('utf-8', { fatal: true }).decode(this.bytes16())

  /** A map from 16-bit to 32-bit numbers, in its encoded order. */
  map(): [number, number][] {
    return Array.from({ length: this.uint16() }, () => [this.uint16(), this.uint32()])
  }

  end(): void {
    if (this.#bytes.length > 0) throw new Error(`${this.#bytes.length} unexpected bytes at the end`)
  }
}
