import { defineProvider } from './provider.ts'

/** Peer to peer: nobody in the middle to be let in by, hence no account. */
export const webrtc = defineProvider({
  variables: {},
  secrets: [],
  create: () => ({ admit: async () => ({ appId: null, url: null, token: null }) }),
})
