/** The lines that are ours: refusals, and the last word before a connection ends. Nothing internal is told to a peer. */

/** Why a session ends before its client wanted it to. The one place where a cause becomes a BYE. */
export const endings = {
  unreachable: '* BYE [UNAVAILABLE] The mail server cannot be reached, try again later\r\n',
  upstreamLost: '* BYE [UNAVAILABLE] The mail server closed the connection\r\n',
  upstreamProtocol: '* BYE [UNAVAILABLE] The mail server answered out of protocol\r\n',
  upstreamTimeout: '* BYE [UNAVAILABLE] The mail server did not answer in time\r\n',
  judgeTimeout: '* BYE [UNAVAILABLE] A judgement took too long, try again later\r\n',
  loginTimeout: '* BYE Login took too long\r\n',
  idleTimeout: '* BYE Idle for too long\r\n',
  stalled: '* BYE Data was not taken in time\r\n',
  clientProtocol: '* BYE [CLIENTBUG] What was sent cannot be understood as commands\r\n',
  tooManyErrors: '* BYE Too many refused commands\r\n',
  tooManyConnections: '* BYE [LIMIT] Too many connections, try again later\r\n',
  shuttingDown: '* BYE [UNAVAILABLE] The gate is shutting down, try again later\r\n',
  pipelinedStartTls: '* BYE [CLIENTBUG] Commands were sent ahead of the TLS handshake\r\n',
  policyChanged: '* BYE What is done with mail has changed, connect again\r\n',
  loop: '* BYE This is the gate itself: its upstream leads back to it\r\n',
  internal: '* BYE [SERVERBUG] Internal error, try again later\r\n',
} as const;
export type Ending = keyof typeof endings;

/** A tagged answer of ours without its tag. */
export const refusals = {
  syntax: 'BAD Command line cannot be understood\r\n',
  unknown: 'BAD Command is unknown or not carried by this gate\r\n',
  notNow: 'BAD Command is not allowed in this state\r\n',
  tooLong: 'BAD [TOOBIG] Command is too long\r\n',
  noTls: 'BAD TLS is not offered here\r\n',
  tlsActive: 'BAD TLS is active already\r\n',
  needTls: 'NO [PRIVACYREQUIRED] Start TLS before logging in\r\n',
  mechanism: 'NO [CANNOT] This mechanism cannot pass a gate\r\n',
  cancelled: 'BAD Authentication cancelled\r\n',
  catenate: 'BAD CATENATE is not carried by this gate\r\n',
  nothingSelected: 'BAD No mailbox is selected\r\n',
  done: 'BAD Expected DONE\r\n',
  unknownMailbox: 'NO [UNAVAILABLE] What is known of this mailbox cannot be read, try again later\r\n',
  noContext: 'NO No search with such a tag is kept up to date\r\n',
} as const;

export const startTlsNow = 'OK Begin TLS negotiation now\r\n';
/** for a literal of a command that is read here as a whole */
export const continueLiteral = Buffer.from('+ OK\r\n');
