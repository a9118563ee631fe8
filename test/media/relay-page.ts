import type { Page } from 'playwright-core'

/** One endpoint of a call. */
interface Endpoint {
  readonly userId: string
  readonly token: string
}

/** Statistics of the receiving endpoint (W3C webrtc-stats). */
export interface Reception {
  readonly framesDecoded: number
  readonly bytesReceived: number
  /** Candidate types of the selected candidate pair. */
  readonly local: string | undefined
  readonly remote: string | undefined
}

type Payload = RTCSessionDescriptionInit & RTCIceCandidateInit

declare global {
  interface Window {
    /** By user id. */
    connections: Record<string, RTCPeerConnection>
  }
}

/** Calls from a page of the gateway's origin: `caller` sends its camera to `callee` over relays only, with signalling by the gateway. */
export function call(page: Page, roomId: string, [caller, callee]: readonly [Endpoint, Endpoint]): Promise<void> {
  return page.evaluate(
    async ({ roomId, caller, callee }) => {
      const fetchIceServers = async ({ token }: Endpoint): Promise<RTCIceServer[]> =>
        (await fetch('/im/api/v1/rtc/ice-servers', { headers: { authorization: `Bearer ${token}` } })).json()

      const sendSignal = async (from: Endpoint, toId: string, type: string, payload: unknown): Promise<void> => {
        const query = 'mutation ($input: SendSignalInput!) { sendSignal(input: $input) { signal { seq } } }'
        const answer = await fetch('/graphql', {
          method: 'POST',
          headers: { authorization: `Bearer ${from.token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ query, variables: { input: { roomId, toId, type, payload } } }),
        })
        const { errors } = (await answer.json()) as { errors?: unknown }
        if (errors) throw new Error(JSON.stringify(errors))
      }

      /** graphql-transport-ws: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
      const onSignal = ({ token }: Endpoint, handle: (type: string, payload: Payload) => Promise<void>): void => {
        const query = 'subscription ($roomId: ID!) { signals(roomId: $roomId) { type payload } }'
        const socket = new WebSocket('/graphql', 'graphql-transport-ws')
        const send = (message: unknown) => socket.send(JSON.stringify(message))
        let handled = Promise.resolve()
        socket.addEventListener('open', () =>
          send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }),
        )
        socket.addEventListener('message', ({ data }) => {
          const { type, payload } = JSON.parse(data)
          if (type === 'connection_ack') send({ id: '1', type: 'subscribe', payload: { query, variables: { roomId } } })
          if (type !== 'next') return
          const { signals } = payload.data
          handled = handled.then(() => handle(signals.type, signals.payload))
        })
      }

      const connect = async (self: Endpoint, other: Endpoint): Promise<RTCPeerConnection> => {
        const iceServers = await fetchIceServers(self)
        const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: 'relay' })
        // In order: a candidate must not overtake its description.
        let sent = Promise.resolve()
        const enqueue = (type: string, payload: () => unknown) => {
          sent = sent.then(() => sendSignal(self, other.userId, type, payload()))
        }
        connection.addEventListener('negotiationneeded', () => {
          sent = sent.then(() => connection.setLocalDescription())
          enqueue('OFFER', () => connection.localDescription)
        })
        connection.addEventListener('icecandidate', ({ candidate }) => {
          if (candidate) enqueue('CANDIDATE', () => candidate)
        })
        onSignal(self, async (type, payload) => {
          if (type === 'CANDIDATE') return connection.addIceCandidate(payload)
          await connection.setRemoteDescription(payload)
          if (type !== 'OFFER') return
          await connection.setLocalDescription()
          enqueue('ANSWER', () => connection.localDescription)
        })
        return connection
      }

      const from = await connect(caller, callee)
      const to = await connect(callee, caller)
      window.connections = { [caller.userId]: from, [callee.userId]: to }
      const camera = await navigator.mediaDevices.getUserMedia({ video: true })
      for (const track of camera.getTracks()) from.addTrack(track, camera)
    },
    { roomId, caller, callee },
  )
}

/** The user's reception so far. */
export function reception(page: Page, userId: string): Promise<Reception> {
  return page.evaluate(async (id) => {
    const stats = [...((await window.connections[id]?.getStats()) ?? new Map()).values()]
    const byId = (wanted: unknown) => stats.find((entry) => entry.id === wanted)
    const { framesDecoded = 0, bytesReceived = 0 } = stats.find(({ type }) => type === 'inbound-rtp') ?? {}
    const pair = byId(stats.find(({ type }) => type === 'transport')?.selectedCandidatePairId)
    return {
      framesDecoded,
      bytesReceived,
      local: byId(pair?.localCandidateId)?.candidateType,
      remote: byId(pair?.remoteCandidateId)?.candidateType,
    }
  }, userId)
}

/** Gathers candidates with the credentials of a TURN server: relay candidates, or the server's error codes. */
export function gather(page: Page, server: RTCIceServer): Promise<{ candidates: string[]; errorCodes: number[] }> {
  return page.evaluate(async (iceServer) => {
    const connection = new RTCPeerConnection({ iceServers: [iceServer], iceTransportPolicy: 'relay' })
    const found = { candidates: [] as string[], errorCodes: [] as number[] }
    connection.addEventListener('icecandidateerror', ({ errorCode }) => found.errorCodes.push(errorCode))
    const gathered = new Promise<void>((resolve) => {
      connection.addEventListener('icecandidate', ({ candidate }) => {
        if (candidate?.type) found.candidates.push(candidate.type)
        if (!candidate) resolve()
      })
    })
    connection.createDataChannel('any')
    await connection.setLocalDescription()
    await gathered
    connection.close()
    return found
  }, server)
}
