/** The library has no types of its own. */
declare module 'tls-sig-api-v2' {
  export class Api {
    constructor(sdkAppId: number, secret: string)
    /** @param expire - seconds from now */
    genUserSig(userId: string, expire: number): string
  }
}
