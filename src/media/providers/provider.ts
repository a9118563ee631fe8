/** Who is let into which room, as what, and for how long. */
export interface Admission {
  readonly roomId: string
  readonly userId: string
  /** Observers watch and listen. */
  readonly mayPublish: boolean
  /** Seconds since the epoch. */
  readonly issuedAt: number
  /** Seconds. */
  readonly ttl: number
}

/** What a client hands to the provider's SDK, beside the room's and the user's id; null is what that SDK does not ask for. */
export interface Credentials {
  readonly appId: string | null
  readonly url: string | null
  readonly token: string | null
}

/** One that carries media, and knows whom we have let in by a token that we sign. */
export interface Provider {
  admit(admission: Admission): Promise<Credentials>
}

/** Peer to peer: nobody in the middle to be let in by. */
export const webrtc: Provider = { admit: async () => ({ appId: null, url: null, token: null }) }
