import { BlockList, isIP, isIPv4 } from 'node:net'

/** Networks of IPv4 that are not public: https://www.iana.org/assignments/iana-ipv4-special-registry */
const IPV4_SPECIAL = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const

/** Networks within 2000::/3 that are not public, or that contain IPv4 addresses. */
const IPV6_SPECIAL = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const

const special = new BlockList()
for (const [network, prefix] of IPV4_SPECIAL) special.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of IPV6_SPECIAL) special.addSubnet(network, prefix, 'ipv6')
/** The global unicast addresses; all others of IPv6, such as ::1, fe80::/10 and ::ffff:0:0/96, are not public. */
const global = new BlockList()
global.addSubnet('2000::', 3, 'ipv6')

/** Whether an IP address belongs to a host on the Internet, and not to this host, its networks or a cloud's metadata. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4')
  return isIP(address) === 6 && global.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

/** The host of a URL as an IP address; null if it is a name. The URL parser converts forms such as 0x7f.1 and 2130706433. */
export function literalAddress(url: URL): string | null {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return isIP(host) === 0 ? null : host
}
