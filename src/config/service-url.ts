/**
 * Addresses of a scoring service: what the configuration may name, and which of the addresses that the service itself
 * gives are followed. A service that leads us elsewhere would make the gate a way into its own network.
 */

import { limits } from '../runtime/limits.js';
import { isLoopback } from './host-port.js';

/** Where a request goes: an origin, and a path with its query. */
export interface ServiceAddress {
  readonly origin: string;
  /** begins and ends with a slash */
  readonly basePath: string;
  /** host and port, for messages */
  readonly host: string;
}

/** Parses `http://127.0.0.1:8090` or `https://scan.example.org/api/`; undefined when it is anything else. */
export function parseServiceUrl(text: string): ServiceAddress | undefined {
  if (!/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  // A secret belongs into a file, and a query would stand in the midst of the path.
  if (url.username !== '' || url.password !== '' || /[?#@]/.test(text)) return undefined;
  const basePath = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
  return { origin: url.origin, basePath, host: url.host };
}

/** Whether a secret that is sent there can be read on its way. */
export function isExposed({ origin }: ServiceAddress): boolean {
  const { protocol, hostname } = new URL(origin);
  return protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

/**
 * The path to ask next, when a service says where: relative to what was asked, and only at the same origin and below
 * the base address. Undefined for anything else.
 * @param askedPath absolute path of the request that was answered
 */
export function followedPath(service: ServiceAddress, askedPath: string, location: string): string | undefined {
  if (location.length > limits.http.locationChars || !URL.canParse(location, service.origin + askedPath))
    return undefined;
  const url = new URL(location, service.origin + askedPath);
  const same = url.origin === service.origin && url.username === '' && url.password === '';
  // Some servers read %2f and %5c as separators, and then a name could climb up behind our check.
  const climbs = /%2f|%5c|%00/i.test(url.pathname) || /(?:^|[/.])(?:\.|%2e){2}(?:\/|$)/i.test(url.pathname);
  if (!same || climbs || !url.pathname.startsWith(service.basePath)) return undefined;
  return url.pathname + url.search;
}
