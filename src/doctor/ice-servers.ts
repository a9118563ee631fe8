import { BlockList, isIP } from 'node:net'
import { type IceConfig, iceServersFor, ICE_TTL } from '../media/ice.ts'
import { allocate, type Credentials } from './allocation.ts'
import { ANSWER_TIMEOUT, fail, type Finding, ok, reasonOf, warn } from './finding.ts'
import { ATTRIBUTE, addressOf, encode, TYPE } from './stun.ts'
import { openConnection, parseServer, type StunConnection } from './stun-connection.ts'

/** Asks each STUN server for an address, and allocates a relay address at each TURN server. */
export function checkIceServers(config: IceConfig): Promise<Finding>[] {
  const expiresAt = new Date(Date.now() + ICE_TTL * 1000)
  const { username = '', credential = '' } = iceServersFor('doctor', expiresAt, config).at(-1) ?? {}
  const stun = config.stunUrls.map((url) => withServer(url, (connection) => checkStun(url, connection)))
  const turn = config.turnUrls.map((url) =>
    withServer(url, (connection) => checkTurn(url, connection, { username, credential })),
  )
  if (turn.length > 0) return [...stun, ...turn]
  const missing = warn(
    'TURN_URLS',
    'is not set: calls between networks that need a relay will not connect',
    'set TURN_URLS and TURN_SECRET, unless every room has another provider than webrtc',
  )
  return [...stun, Promise.resolve(missing)]
}

async function withServer(url: string, work: (connection: StunConnection) => Promise<Finding>): Promise<Finding> {
  const server = parseServer(url)
  if (!server) {
    return warn(
      url,
      'cannot be checked: doctor supports UDP, TCP and TLS',
      'compare it with turn:host:3478?transport=tcp',
    )
  }
  let connection: StunConnection | undefined
  try {
    connection = await openConnection(server, ANSWER_TIMEOUT)
    return await work(connection)
  } catch (error) {
    const protocol = server.transport === 'udp' ? 'UDP' : 'TCP'
    return fail(
      url,
      `does not answer: ${reasonOf(error)}`,
      `check that the server runs and that firewalls let ${protocol} ${server.port} through`,
    )
  } finally {
    connection?.close()
  }
}

async function checkStun(url: string, connection: StunConnection): Promise<Finding> {
  const response = await connection.exchange(encode(TYPE.bindingRequest, []))
  const mapped = addressOf(response, ATTRIBUTE.mappedAddress)
  return mapped
    ? ok(url, `answers; it sees this machine as ${mapped.address}`)
    : fail(url, 'does not answer as a STUN server', 'check the port')
}

async function checkTurn(url: string, connection: StunConnection, credentials: Credentials): Promise<Finding> {
  const result = await allocate(connection, credentials)
  if (result.kind === 'allocated') {
    const relay = `relays at ${result.address}`
    if (!isPrivate(result.address)) return ok(url, `accepts the credentials and ${relay}`)
    return warn(
      url,
      `accepts the credentials, but ${relay}, which clients outside of this network cannot reach`,
      "set coturn's external-ip to the server's public address",
    )
  }
  if (result.kind === 'open') {
    return fail(url, 'relays without credentials for everybody', "set coturn's use-auth-secret and static-auth-secret")
  }
  if (result.kind === 'unexpected') return fail(url, 'does not answer as a TURN server', 'check the port')
  const refusal = `refuses an allocation: ${result.code} ${result.phrase}`
  return result.code === 401
    ? fail(url, refusal, "TURN_SECRET must equal coturn's static-auth-secret, and the clocks must agree")
    : fail(url, refusal, "see the server's log")
}

const PRIVATE = new BlockList()
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  PRIVATE.addSubnet(network, bits, 'ipv4')
}
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
PRIVATE.addSubnet('fe80::', 10, 'ipv6')
PRIVATE.addAddress('::1', 'ipv6')

const isPrivate = (address: string): boolean => PRIVATE.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
