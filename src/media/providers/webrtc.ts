import { defineProvider } from './provider.ts'

/** Peer to peer: no media service, hence no account. */
export const webrtc = defineProvider({
  variables: {},
  secrets: [],
  create: () => ({ admit: async () => ({ appId: null, url: null, token: null }) }),
})
