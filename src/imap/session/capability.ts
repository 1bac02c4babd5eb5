/**
 * What the gate announces of what the server can do: a whitelist. What is not on it could carry content past the
 * judgement or change the rules of the connection, so it is neither announced nor are its commands passed
 * (commands.ts). Knows names, no connection.
 */
import { limits } from '../../runtime/limits.js';

/** What of the connection decides which of them are true. */
export interface CapabilityContext {
  /** TLS to the client stands */
  readonly secure: boolean;
  readonly offerStartTls: boolean;
  /** a password may be sent on a connection like this one */
  readonly mayLogIn: boolean;
  readonly authenticated: boolean;
}

const carried = new Set([
  'IMAP4',
  'IMAP4REV1',
  'IMAP4REV2',
  'ACL',
  'APPENDLIMIT',
  'BINARY',
  'CHILDREN',
  'CONDSTORE',
  'CONTEXT=SEARCH',
  'CONTEXT=SORT',
  'CREATE-SPECIAL-USE',
  'ENABLE',
  'ESEARCH',
  'ESORT',
  'ID',
  'IDLE',
  'INPROGRESS',
  'LANGUAGE',
  'LIST-EXTENDED',
  'LIST-METADATA',
  'LIST-MYRIGHTS',
  'LIST-STATUS',
  'LITERAL+',
  'LITERAL-',
  'LOGINDISABLED',
  'METADATA',
  'METADATA-SERVER',
  'MOVE',
  'MULTIAPPEND',
  'MULTISEARCH',
  'NAMESPACE',
  'OBJECTID',
  'PREVIEW',
  'QRESYNC',
  'QUOTA',
  'QUOTASET',
  'SASL-IR',
  'SAVEDATE',
  'SEARCH=FUZZY',
  'SEARCHRES',
  'SORT',
  'SORT=DISPLAY',
  'SPECIAL-USE',
  'STATUS=SIZE',
  'UIDPLUS',
  'UNSELECT',
  'UTF8=ACCEPT',
  'UTF8=ONLY',
  'WITHIN',
]);

/** Families: the name, and whatever stands behind it. */
const carriedFamilies = ['APPENDLIMIT=', 'I18NLEVEL=', 'QUOTA=RES-', 'RIGHTS=', 'THREAD=', 'COMPARATOR='];

/** Bound to the TLS channel or with a security layer of their own: they cannot pass through somebody in between. */
const barredMechanism = /-PLUS$|^(?:EXTERNAL|GSSAPI|GSS-SPNEGO|DIGEST-MD5|NTLM|KERBEROS.*)$/;

/** @param mechanism upper case */
export function isRelayableMechanism(mechanism: string): boolean {
  return /^[A-Z0-9_-]{1,20}$/.test(mechanism) && !barredMechanism.test(mechanism); // RFC 4422 §3.1
}

/** What the client is told when the server has said `list`. The order, and how names are written, stay the server's. */
export function announcedCapabilities(list: readonly string[], context: CapabilityContext): string[] {
  const announced = list.filter((name) => isAnnounced(name.toUpperCase(), context));
  if (context.authenticated) return announced;
  if (!context.secure && context.offerStartTls) announced.push('STARTTLS');
  if (!context.mayLogIn && !announced.some((name) => name.toUpperCase() === 'LOGINDISABLED')) {
    announced.push('LOGINDISABLED'); // RFC 9051 §6.2.3
  }
  return announced;
}

function isAnnounced(name: string, context: CapabilityContext): boolean {
  if (!name.startsWith('AUTH=')) return carried.has(name) || carriedFamilies.some((family) => name.startsWith(family));
  return context.mayLogIn && isRelayableMechanism(name.slice('AUTH='.length));
}

/** The extensions that a client may switch on; also what of the server's ENABLED is passed (RFC 5161). */
const mayBeEnabled = new Set(['CONDSTORE', 'QRESYNC', 'UTF8=ACCEPT', 'IMAP4REV2']);

export function enabledExtensions(names: readonly string[]): string[] {
  return names.filter((name) => mayBeEnabled.has(name.toUpperCase()));
}

/** Names between spaces. Of a list that is longer than any server's, those at its beginning. */
export function capabilityNames(text: string): string[] {
  return text
    .slice(0, limits.imapSession.capabilityCharacters)
    .split(' ')
    .filter((name) => name !== '');
}

/** Those of `* CAPABILITY …` or `* ENABLED …`. */
export function listedNames(raw: Buffer): string[] {
  return capabilityNames(raw.toString('latin1').trim()).slice(2);
}
