/** Under which protocol each listener is counted and told of: by its port's TLS, as the registered names of ports are. */
import type { Config } from '../config/schema.js';
import type { CounterProtocol } from '../quarantine/counter-names.js';

export function counterProtocolsOf({ smtp, imap }: Pick<Config, 'smtp' | 'imap'>): Record<string, CounterProtocol> {
  const named = (protocol: 'smtp' | 'imap') => (listener: { readonly name: string; readonly tls: string }) =>
    [listener.name, listener.tls === 'implicit' ? (`${protocol}s` as const) : protocol] as const;
  return Object.fromEntries([...smtp.listeners.map(named('smtp')), ...imap.listeners.map(named('imap'))]);
}
