/** SMTP replies of our own: made in one place, so that no text from inside the gate reaches a peer by accident. */

/** RFC 5321 §4.2 reply code, RFC 3463 enhanced code and one line of text. */
export interface Reply {
  readonly code: number;
  readonly enhanced: string;
  readonly text: string;
}

/** The reply as bytes on the wire. */
export function serializeReply(reply: Reply): string {
  const enhanced = reply.enhanced === '' ? '' : `${reply.enhanced} `;
  return `${reply.code} ${enhanced}${reply.text}\r\n`;
}
