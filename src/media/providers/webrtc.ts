import { define, type Provider } from './provider.ts'

/** Peer to peer: no media service, hence no account. */
export const webrtc = define({
  variables: {},
  secrets: [],
  create: (): Provider => ({ admit: async () => ({ appId: null, url: null, token: null }) }),
})
