/**
 * How many requests one address and all together may make, in bounded memory. Tokens cannot be guessed; what is
 * protected is the database thread, which also writes down held mail.
 */
import { isIPv6 } from 'node:net';
import { isLoopback } from '../config/host-port.js';
import { limits } from '../runtime/limits.js';

interface Bucket {
  left: number;
  /** ms since 1970 */
  at: number;
}

/** Whether a request may pass, and takes it out of the bucket; a clock that was set back only gives nothing. */
function take(bucket: Bucket, now: number, perSecond: number, burst: number): boolean {
  bucket.left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perSecond);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

/** The network that one client commands: an IPv4 address, or the /64 of an IPv6 address. */
export function clientNetwork(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  if (tail === undefined) return left.slice(0, 4).join(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right].slice(0, 4).join(':');
}

export class RequestLimit {
  readonly #all: Bucket;
  /** in the order of their last request */
  readonly #peers = new Map<string, Bucket>();

  constructor(now: number) {
    this.#all = { left: limits.portal.burst, at: now };
  }

  get peersKnown(): number {
    return this.#peers.size;
  }

  allows(address: string, now: number): boolean {
    const { burst, perSecond } = limits.portal;
    return this.#allowsPeer(clientNetwork(address), now) && take(this.#all, now, perSecond, burst);
  }

  #allowsPeer(network: string, now: number): boolean {
    // A proxy on this machine stands for everybody; only the bound of all together is fair there.
    if (isLoopback(network)) return true;
    const { peerBurst, peerPerSecond, peersMax } = limits.portal;
    const bucket = this.#peers.get(network) ?? { left: peerBurst, at: now };
    this.#peers.delete(network);
    this.#peers.set(network, bucket);
    if (this.#peers.size > peersMax) this.#forgetOldest();
    return take(bucket, now, peerPerSecond, peerBurst);
  }

  #forgetOldest(): void {
    const { value: oldest } = this.#peers.keys().next();
    if (oldest !== undefined) this.#peers.delete(oldest);
  }
}
