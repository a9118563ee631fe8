import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** Named ranges, in addition to addresses and CIDR ranges. */
const RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10'],
}

/** Determines the address of a client. */
export interface AddressReader {
  /** Whether the peer of a connection is a trusted proxy. */
  isProxy(peer: string): boolean
  /**
   * The address that limits apply to: the peer's, or behind trusted proxies the last address in `X-Forwarded-For` that is
   * not a trusted proxy. IPv6 addresses are reduced to their /64, the usual allocation of one customer.
   */
  clientOf(peer: string, headers: IncomingHttpHeaders): string
}

/** @param proxies - addresses, CIDR ranges, `loopback` and `private` */
export function createAddressReader(proxies: readonly string[]): AddressReader {
  const trusted = new BlockList()
  for (const range of proxies.flatMap((name) => RANGES[name] ?? [name])) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) trusted.addAddress(address, family)
    else trusted.addSubnet(address, Number(bits), family)
  }
  const isProxy = (peer: string) => {
    // A check takes several objects, and most gateways are asked about every connection without having a proxy.
    if (proxies.length === 0) return false
    const address = plain(peer)
    return isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return {
    isProxy,
    clientOf(peer, headers) {
      let client = peer
      const hops = String(headers['x-forwarded-for'] ?? '').split(',')
      // From the nearest hop backwards: entries before an untrusted hop can be forged.
      while (isProxy(client)) {
        const hop = plain(hops.pop()?.trim() ?? '')
        if (isIP(hop) === 0) break
        client = hop
      }
      return networkOf(plain(client))
    },
  }
}

/** Removes port, brackets, zone and the prefix of an IPv4-mapped IPv6 address. */
function plain(address: string): string {
  return address
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/i, '')
}

function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.toLowerCase().split('::')
  const groups = head.split(':').filter(Boolean)
  if (tail !== undefined) {
    const end = tail.split(':').filter(Boolean)
    groups.push(...Array<string>(Math.max(0, 8 - groups.length - end.length)).fill('0'), ...end)
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
