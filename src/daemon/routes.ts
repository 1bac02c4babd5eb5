/** Where mail of our own goes: notices, administrators' mail and releases, and how it is sent there. */
import { readFileSync } from 'node:fs';
import type { Config, ListenerConfig } from '../config/schema.js';
import type { Deliver, Route, RouteTable } from '../quarantine/deliver.js';
import { newMailer, type SendMail } from '../quarantine/mailer.js';
import { deliver } from '../smtp/deliver.js';
import { upstreamAuthorities } from './listeners.js';

/** ms; a server that does not greet within it is tried again later */
const connectTimeoutMs = 30_000;

/** The table of today's configuration. Administrators' mail belongs to no listener and takes the first one's way. */
export function routeTable(config: Config): RouteTable {
  const routes = new Map(config.smtp.listeners.map((listener) => [listener.name, upstreamRoute(config, listener)]));
  const first = routes.values().next().value;
  const relay = relayRoute(config);
  return (kind, listener) => {
    // What passes the gate again could be blocked there and cause another notice, without end: notices go around it.
    if (relay !== undefined && (kind === 'release' || !relay.reentry)) return relay;
    return routes.get(listener) ?? first;
  };
}

function upstreamRoute(config: Config, listener: ListenerConfig): Route {
  const { host, port, tls, verify, servername } = listener.upstream;
  return {
    host,
    port,
    tls,
    verify,
    servername,
    ca: upstreamAuthorities(config, listener),
    proxyHeader: listener.clientIdentity === 'proxy-v2',
    reentry: false,
  };
}

function relayRoute(config: Config): Route | undefined {
  const relay = config.quarantine.releaseRelay;
  if (relay === undefined) return undefined;
  const { host, port, tls, verify, passesGate } = relay;
  const ca = config.tls.caFile === undefined ? undefined : readFileSync(config.tls.caFile, 'utf8');
  return { host, port, tls, verify, ca, reentry: passesGate };
}

/** Our own SMTP engine, because a release must arrive with exactly the bytes that were sealed. */
export function newDeliver(hostname: string): Deliver {
  return (request, signal) => {
    const { route } = request;
    const options = {
      host: route.host,
      port: route.port,
      tls: route.tls,
      verify: route.verify,
      servername: route.servername,
      ca: route.ca,
      clientIdentity: route.proxyHeader === true ? ('proxy-v2' as const) : ('none' as const),
      hostname,
      connectTimeoutMs,
    };
    return deliver(request, options, signal);
  };
}

/** nodemailer for notices, except to ports that want a PROXY header, which it does not write. */
export function newSender(hostname: string): SendMail {
  const mailer = newMailer(hostname);
  const engine = newDeliver(hostname);
  return async (route, mail, signal) => {
    if (route.proxyHeader !== true) return mailer(route, mail, signal);
    const message = Buffer.from(mail.message);
    const source = { kind: 'memory', bytes: new SharedArrayBuffer(0), length: 0 } as const;
    const request = { route, mailFrom: '', mailParameters: [], pieces: [message], source };
    const recipients = [{ address: mail.recipient, parameters: [] }];
    const [reply] = await engine({ ...request, recipients }, signal);
    if (reply === undefined) return { kind: 'temporary', reply: 'no answer' };
    return { kind: reply.delivered ? 'sent' : reply.permanent ? 'permanent' : 'temporary', reply: reply.reply };
  };
}
