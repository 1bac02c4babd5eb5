/** Under which protocol each listener is counted and told of: by its port's TLS, as the registered names of ports are. */
import type { CounterProtocol } from '../quarantine/counter-names.js';

interface NamedListeners {
  readonly listeners: readonly { readonly name: string; readonly tls: 'none' | 'starttls' | 'implicit' }[];
}

export function counterProtocolsOf(config: {
  readonly smtp: NamedListeners;
  readonly imap: NamedListeners;
}): Record<string, CounterProtocol> {
  const named = (protocol: 'smtp' | 'imap') =>
    config[protocol].listeners.map(
      ({ name, tls }) => [name, tls === 'implicit' ? (`${protocol}s` as const) : protocol] as const,
    );
  return Object.fromEntries([...named('smtp'), ...named('imap')]);
}
