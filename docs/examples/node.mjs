/*
 * A Node.js script that calls somebody and prints what happens until the call is over. It publishes nothing: Node.js has
 * no WebRTC.
 *
 *   npm install ../rtc-gateway/dist/sdk     # after `npm run build` in the gateway's folder
 *   cp ../rtc-gateway/docs/examples/node.mjs .
 *   TOKEN=<token of alice> node node.mjs alice bob
 *
 * In the gateway's folder `npm run -s token -- alice` prints a token. Answer or decline as bob on the call page,
 * http://localhost:3000; with nobody there, the call is missed after 45 s.
 */
import { OpenChatClient, RtcError } from '@openchat/sdk'

const [, , caller = 'alice', callee = 'bob'] = process.argv
const { TOKEN = '', GATEWAY = 'http://localhost:3000' } = process.env

const client = new OpenChatClient({ server: { baseUrl: GATEWAY }, auth: { uid: caller, token: TOKEN } })
const over = new Promise((resolve) => client.rtc.on('ended', resolve))
client.rtc.on('roomUpdated', ({ seq, type, participant }) => console.log(seq, type, participant?.userId ?? ''))
client.rtc.on('ended', ({ reason }) => console.log('ended', reason))
client.rtc.on('error', ({ code, message }) => console.error(code, message))

try {
  const room = await client.rtc.createRoom({ type: 'p2p', userId: callee, mediaType: 'audio' })
  console.log('calling', callee, room.id)
  await client.rtc.joinRoom(room.id)
  process.once('SIGINT', () => void client.rtc.leaveRoom())
  await over
} catch (error) {
  if (!(error instanceof RtcError)) throw error
  console.error(error.code, error.message)
  process.exitCode = 1
} finally {
  await client.destroy()
}
