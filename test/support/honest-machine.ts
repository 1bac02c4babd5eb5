/** Letters that machines write: reports of delivery, lists, calendars, signatures, encrypted mail, newsletters. */
import { signedData } from './ambiguous-file.js';
import { octetsOf } from './ambiguous-payload.js';
import { pdfOf, pngOf } from './honest-content.js';
import type { HonestMail } from './honest-writer.js';
import { base64Lines } from './mail.js';

const original = [
  'Received: from client.example (client.example [192.0.2.10])\r\n\tby mx.example.org (Postfix) with ESMTPS id 4ABCDE1234\r\n\tfor <nobody@example.org>; Mon,  2 Feb 2026 10:00:00 +0000 (UTC)',
  'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=client.example; s=2026;\r\n\tt=1770026400; h=from:to:subject:date:message-id;\r\n\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\tb=AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/AbCdEfGhIjKlMnOpQrStUv\r\n\t Wx==',
  'From: Ann Example <ann@client.example>',
  'To: nobody@example.org',
  'Subject: Figures',
  'Date: Mon, 2 Feb 2026 10:00:00 +0000',
  'Message-ID: <o1@client.example>',
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=us-ascii',
  '',
].join('\r\n');

function head(from: string, subject: string, ...more: readonly string[]): string {
  const fields = [
    ...['Return-Path: <>', `From: ${from}`, 'To: ann@client.example', `Subject: ${subject}`],
    ...['Date: Mon, 02 Feb 2026 10:00:05 +0000', 'Message-ID: <m1@example.org>', 'MIME-Version: 1.0', ...more],
  ];
  return `${fields.join('\r\n')}\r\n`;
}

function parts(boundary: string, ...entities: readonly string[]): string {
  return `\r\n${entities.map((entity) => `--${boundary}\r\n${entity}\r\n`).join('')}--${boundary}--\r\n`;
}

const daemon = 'Mail Delivery System <MAILER-DAEMON@example.org>';

const postfixStatus =
  'Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\nX-Postfix-Queue-ID: 4ABCDE1234\r\nX-Postfix-Sender: rfc822; ann@client.example\r\nArrival-Date: Mon,  2 Feb 2026 10:00:00 +0000 (UTC)\r\n\r\nFinal-Recipient: rfc822; nobody@example.org\r\nOriginal-Recipient: rfc822;nobody@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: X-Postfix; unknown user: "nobody"\r\n';

const reports: Readonly<Record<string, string>> = {
  'dsn-postfix':
    head(
      daemon,
      'Undelivered Mail Returned to Sender',
      'Auto-Submitted: auto-replied',
      'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="4ABCDE1234.1770026400/mx.example.org"',
      'Content-Transfer-Encoding: 7bit',
    ) +
    `\r\nThis is a MIME-encapsulated message.\r\n${parts('4ABCDE1234.1770026400/mx.example.org', 'Content-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis is the mail system at host mx.example.org.\r\n\r\nI\'m sorry to have to inform you that your message could not\r\nbe delivered to one or more recipients.\r\n\r\n                   The mail system\r\n\r\n<nobody@example.org>: unknown user: "nobody"\r\n', postfixStatus, `Content-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n${original}\r\nHello.\r\n`)}`,
  'dsn-postfix-headers':
    head(
      daemon,
      'Successful Mail Delivery Report',
      'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="5ABC.1770026400/mx.example.org"',
    ) +
    parts(
      '5ABC.1770026400/mx.example.org',
      'Content-Type: text/plain; charset=us-ascii\r\n\r\nDelivered.\r\n',
      postfixStatus,
      `Content-Description: Message Headers\r\nContent-Type: text/rfc822-headers\r\n\r\n${original}`,
    ),
  'dsn-exim':
    head(
      'Mail Delivery System <Mailer-Daemon@example.org>',
      'Mail delivery failed: returning message to sender',
      'Auto-Submitted: auto-replied',
      'X-Failed-Recipients: nobody@example.org',
      'Content-Type: multipart/report; report-type=delivery-status; boundary=1770026400-eximdsn-1234567',
    ) +
    parts(
      '1770026400-eximdsn-1234567',
      'Content-type: text/plain; charset=us-ascii\r\n\r\nThis message was created automatically by mail delivery software.\r\n',
      'Content-type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n\r\nAction: failed\r\nFinal-Recipient: rfc822;nobody@example.org\r\nStatus: 5.0.0\r\n',
      `Content-type: message/rfc822\r\n\r\n${original}\r\nHello.\r\n`,
    ),
  'dsn-exim-text': `${head('Mail Delivery System <Mailer-Daemon@example.org>', 'Mail delivery failed').replace('MIME-Version: 1.0\r\n', '')}\r\nThis message was created automatically by mail delivery software.\r\n\r\n------ This is a copy of the message, including all the headers. ------\r\n\r\n${original}\r\nHello.\r\n`,
  'dsn-qmail': `From: MAILER-DAEMON@example.org\r\nTo: ann@client.example\r\nSubject: failure notice\r\nDate: 2 Feb 2026 10:00:05 -0000\r\n\r\nHi. This is the qmail-send program at example.org.\r\n\r\n<nobody@example.org>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n--- Below this line is a copy of the message.\r\n\r\nReturn-Path: <ann@client.example>\r\n${original}\r\nHello.\r\n`,
  'dsn-exchange':
    head(
      'postmaster@example.org',
      'Undeliverable: Figures',
      'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="9B095B5ADSN=_01DA1234567890ABCD0000000000mail.example"',
      'X-MS-Exchange-Message-Is-Ndr:',
      'In-Reply-To: <o1@client.example>',
    ) +
    parts(
      '9B095B5ADSN=_01DA1234567890ABCD0000000000mail.example',
      `Content-Type: multipart/alternative; differences=Content-Type;\r\n\tboundary="alt-9B095B"\r\n${parts('alt-9B095B', 'Content-Type: text/plain; charset="us-ascii"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nDelivery has failed to these recipients or groups:=20\r\n', 'Content-Type: text/html; charset="us-ascii"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<html><body><p>Delivery has failed</p></body></html>\r\n')}`,
      'Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;mail.example\r\n\r\nFinal-recipient: RFC822;nobody@example.org\r\nAction: failed\r\nStatus: 5.1.10\r\n',
      `Content-Type: message/rfc822\r\n\r\n${original}\r\nHello.\r\n`,
    ),
  'dsn-gmail':
    head(
      'Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
      'Delivery Status Notification (Failure)',
      'Content-Type: multipart/report; boundary="0000000000009f8e7d0612345678"; report-type=delivery-status',
    ) +
    parts(
      '0000000000009f8e7d0612345678',
      `Content-Type: multipart/related; boundary="0000000000009f8e9a0612345679"\r\n${parts('0000000000009f8e9a0612345679', `Content-Type: multipart/alternative; boundary="0000000000009f8eb3061234567a"\r\n${parts('0000000000009f8eb3061234567a', 'Content-Type: text/plain; charset="UTF-8"\r\n\r\n\r\n** Address not found **\r\n', 'Content-Type: text/html; charset="UTF-8"\r\n\r\n<html><body>Address not found</body></html>\r\n')}`, `Content-Type: image/png; name="icon.png"\r\nContent-Disposition: attachment; filename="icon.png"\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <icon.png>\r\n\r\n${base64Lines(pngOf(16))}`)}`,
      'Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; googlemail.com\r\n\r\nFinal-Recipient: rfc822; nobody@example.org\r\nAction: failed\r\n',
      `Content-Type: message/rfc822\r\n\r\n${original}\r\nHello.\r\n`,
    ),
  'mdn-read':
    head(
      'Bob <bob@example.org>',
      'Read: Figures',
      'Content-Type: multipart/report; report-type=disposition-notification; boundary="----=_NextPart_MDN"',
    ) +
    parts(
      '----=_NextPart_MDN',
      'Content-Type: text/plain; charset=utf-8\r\n\r\nYour message was read.\r\n',
      'Content-Type: message/disposition-notification\r\n\r\nReporting-UA: client.example; Mail\r\nFinal-Recipient: rfc822;bob@example.org\r\nOriginal-Message-ID: <o1@client.example>\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n',
      `Content-Type: text/rfc822-headers\r\n\r\n${original}`,
    ),
  'abuse-report':
    head(
      'abuse@example.org',
      'FW: Buy now',
      'Content-Type: multipart/report; report-type=feedback-report; boundary="part1_13d.2e68ed54_boundary"',
    ) +
    parts(
      'part1_13d.2e68ed54_boundary',
      'Content-Type: text/plain; charset="US-ASCII"\r\nContent-Transfer-Encoding: 7bit\r\n\r\nThis is an email abuse report.\r\n',
      'Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n',
      `Content-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n${original}\r\nBuy.\r\n`,
    ),
  'dmarc-report': `${head(
    'noreply-dmarc-support@google.com',
    'Report domain: client.example Submitter: google.com Report-ID: 123',
    'Content-Type: application/zip; \r\n\tname="google.com!client.example!1769904000!1769990399.zip"',
    'Content-Disposition: attachment; \r\n\tfilename="google.com!client.example!1769904000!1769990399.zip"',
    'Content-Transfer-Encoding: base64',
  )}\r\n${base64Lines(Buffer.from('UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==', 'base64'))}`,
};

const invitation =
  'BEGIN:VCALENDAR\r\nPRODID:-//Example//EN\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nDTSTART:20260203T100000Z\r\nDTEND:20260203T110000Z\r\nORGANIZER;CN=Ann:mailto:ann@client.example\r\nUID:abc@client.example\r\nATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:bob@exam\r\n ple.org\r\nSUMMARY:Meeting\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n';

const calendars: Readonly<Record<string, string>> = {
  'calendar-google':
    head(
      'Ann <ann@client.example>',
      'Invitation: Meeting',
      'Content-Type: multipart/mixed; boundary="000000000000cal0"',
    ) +
    parts(
      '000000000000cal0',
      `Content-Type: multipart/alternative; boundary="000000000000cal1"\r\n${parts('000000000000cal1', 'Content-Type: text/plain; charset="UTF-8"; format=flowed; delsp=yes\r\nContent-Transfer-Encoding: base64\r\n\r\nTWVldGluZw0K\r\n', 'Content-Type: text/html; charset="UTF-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<span itemscope itemtype=3D"http://schema.org/InformAction">Meeting</span>\r\n', `Content-Type: text/calendar; charset="UTF-8"; method=REQUEST\r\nContent-Transfer-Encoding: 7bit\r\n\r\n${invitation}`)}`,
      `Content-Type: application/ics; name="invite.ics"\r\nContent-Disposition: attachment; filename="invite.ics"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(Buffer.from(invitation))}`,
    ),
  'calendar-exchange':
    head(
      'Ann <ann@client.example>',
      'Meeting',
      'Content-Type: multipart/alternative;\r\n\tboundary="_000_CALENDAR_"',
      'X-MS-Has-Attach:',
      'Content-Class: urn:content-classes:calendarmessage',
    ) +
    parts(
      '_000_CALENDAR_',
      'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\nTWVldGluZw0K\r\n',
      `Content-Type: text/calendar; charset="utf-8"; method=REQUEST\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(Buffer.from(invitation))}`,
    ),
  'calendar-reply': `${head('Bob <bob@example.org>', 'Accepted: Meeting', 'Content-Type: text/calendar; method=REPLY; charset=UTF-8', 'Content-Transfer-Encoding: 8bit')}\r\n${invitation}`,
  vcard:
    head('Ann <ann@client.example>', 'My card', 'Content-Type: multipart/mixed; boundary="------------vcf"') +
    parts(
      '------------vcf',
      'Content-Type: text/plain; charset=UTF-8\r\n\r\nHere.\r\n',
      'Content-Type: text/vcard; charset=utf-8; name="ann.vcf"\r\nContent-Disposition: attachment; filename="ann.vcf"\r\nContent-Transfer-Encoding: 7bit\r\n\r\nbegin:vcard\r\nfn:Ann Example\r\nn:Example;Ann\r\nemail;internet:ann@client.example\r\nversion:2.1\r\nend:vcard\r\n',
    ),
};

const armour = base64Lines(octetsOf('pgp', 300)).replace(/(.{64})/g, '$1');
const pgpSignature = `-----BEGIN PGP SIGNATURE-----\r\n\r\n${armour}=AbCd\r\n-----END PGP SIGNATURE-----\r\n`;
const signedEntity =
  'Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSigned text=20\r\nFrom here.\r\n';

const sealed: Readonly<Record<string, string>> = {
  'pgp-mime-signed':
    head(
      'Ann <ann@client.example>',
      'Signed',
      'Content-Type: multipart/signed; micalg=pgp-sha512;\r\n protocol="application/pgp-signature";\r\n boundary="------------0abcSIGNED"',
    ) +
    `\r\nThis is an OpenPGP/MIME signed message (RFC 4880 and 3156)${parts('------------0abcSIGNED', signedEntity, `Content-Type: application/pgp-signature; name="OpenPGP_signature.asc"\r\nContent-Description: OpenPGP digital signature\r\nContent-Disposition: attachment; filename="OpenPGP_signature"\r\n\r\n${pgpSignature}`)}`,
  'pgp-inline-signed': `${head('Ann <ann@client.example>', 'Signed', 'Content-Type: text/plain; charset=us-ascii')}\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nHello Bob,\r\n- -- \r\nAnn\r\n${pgpSignature}`,
  'pgp-key':
    head('Ann <ann@client.example>', 'My key', 'Content-Type: multipart/mixed; boundary="keys"') +
    parts(
      'keys',
      'Content-Type: text/plain\r\n\r\nMy key.\r\n',
      `Content-Type: application/pgp-keys; name="OpenPGP_0x1234.asc"\r\nContent-Disposition: attachment; filename="OpenPGP_0x1234.asc"\r\n\r\n${pgpSignature.replaceAll('SIGNATURE', 'PUBLIC KEY BLOCK')}`,
    ),
  'smime-signed':
    head(
      'Ann <ann@client.example>',
      'Signed',
      'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="----4A6F5E2D1C"',
    ) +
    `\r\nThis is an S/MIME signed message\r\n${parts('----4A6F5E2D1C', signedEntity, `Content-Type: application/pkcs7-signature; name="smime.p7s"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="smime.p7s"\r\n\r\n${base64Lines(signedData(Buffer.alloc(0)))}`)}`,
  'smime-opaque': `${head('Ann <ann@client.example>', 'Signed', 'Content-Type: application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"', 'Content-Transfer-Encoding: base64', 'Content-Disposition: attachment; filename="smime.p7m"')}\r\n${base64Lines(signedData(Buffer.from(signedEntity)))}`,
};

const footer =
  '_______________________________________________\r\nproject mailing list -- project@lists.example.org\r\nTo unsubscribe send an email to project-leave@lists.example.org\r\nhttps://lists.example.org/\r\n';
const listFields = [
  'Precedence: list',
  'List-Id: Project <project.lists.example.org>',
  'List-Post: <mailto:project@lists.example.org>',
  'Sender: "Project" <project-bounces@lists.example.org>',
  'Errors-To: project-bounces@lists.example.org',
];

const lists: Readonly<Record<string, string>> = {
  'mailman-text': `${head('Ann via Project <project@lists.example.org>', '[Project] Figures', ...listFields, 'Content-Type: text/plain; charset="us-ascii"', 'Content-Transfer-Encoding: 7bit')}\r\nHello all.\r\n${footer}`,
  'mailman-footer':
    head(
      'Ann <ann@client.example>',
      '[Project] Figures',
      ...listFields,
      'Content-Type: multipart/mixed; boundary="===============1234567890123456789=="',
    ) +
    parts(
      '===============1234567890123456789==',
      `Content-Type: multipart/alternative; boundary="0000000000001234"\r\n${parts('0000000000001234', 'Content-Type: text/plain; charset="UTF-8"\r\n\r\nHello\r\n', 'Content-Type: text/html; charset="UTF-8"\r\n\r\n<div>Hello</div>\r\n')}`,
      `Content-Type: text/plain; charset="us-ascii"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\nContent-Disposition: inline\r\n\r\n${footer}`,
    ),
  'mailman-digest':
    head(
      'project-request@lists.example.org',
      'Project Digest, Vol 12',
      ...listFields,
      'Content-Type: multipart/mixed; boundary="===============0987654321=="',
    ) +
    parts(
      '===============0987654321==',
      'Content-Type: text/plain; charset="us-ascii"\r\nContent-Description: Project Digest, Vol 12\r\n\r\nToday\'s Topics:\r\n\r\n   1. Figures (Ann)\r\n',
      `Content-Type: multipart/digest; boundary="===============5555=="\r\n${parts('===============5555==', `\r\n${original}\r\nHello.\r\n`, `Content-Type: message/rfc822\r\nMIME-Version: 1.0\r\n\r\n${original.replace('o1@', 'o2@')}\r\nHello again.\r\n`)}`,
      `Content-Type: text/plain; charset="us-ascii"\r\nContent-Description: Digest Footer\r\n\r\n${footer}`,
    ),
  'digest-rfc1153': `${head('project-request@lists.example.org', 'Project Digest V1 #2', 'Content-Type: text/plain')}\r\nToday's Topics:\r\n\r\n----------------------------------------------------------------------\r\n\r\nDate: Mon, 2 Feb 2026 10:00:00 +0000\r\nFrom: Ann <ann@client.example>\r\nSubject: Figures\r\nContent-Type: text/plain; charset=us-ascii\r\nMessage-ID: <o1@client.example>\r\n\r\nHello.\r\n\r\n------------------------------\r\n\r\nEnd of Project Digest\r\n*********************\r\n`,
  'google-groups': `${head('Ann <ann@client.example>', '[group] Figures', 'Mailing-list: list g@googlegroups.com; contact g+owners@googlegroups.com', 'X-BeenThere: g@googlegroups.com', 'Content-Type: text/plain; charset="UTF-8"')}\r\nHello\r\n\r\n-- \r\nYou received this message because you are subscribed.\r\n`,
  'sieve-reply': `${head('Bob <bob@example.org>', 'Auto: Figures', 'Auto-Submitted: auto-replied (vacation)', 'Precedence: bulk', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit')}\r\nI am away.\r\n`,
  fax:
    head('fax@client.example', 'Fax from +49 30 1234', 'Content-Type: multipart/mixed; boundary="fax-1"') +
    parts(
      'fax-1',
      'Content-Type: text/plain\r\n\r\nOne page.\r\n',
      `Content-Type: image/tiff; name="fax.tif"\r\nContent-Disposition: attachment; filename="fax.tif"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(Buffer.concat([Buffer.from('II*\0'), octetsOf('fax', 400)]))}`,
    ),
  scanner:
    head(
      'scanner@client.example',
      'Scan',
      'X-Mailer: KONICA MINOLTA bizhub C258',
      'Content-Type: multipart/mixed;\r\n boundary="KONICA_MINOLTA_Internet_Fax_Boundary"',
    ) +
    `\r\nThis is a multi-part message in MIME format.\r\n${parts('KONICA_MINOLTA_Internet_Fax_Boundary', 'Content-Type: text/plain; charset="US-ASCII"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\r\n', `Content-Type: application/pdf; name="SCAN0001.pdf"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="SCAN0001.pdf"\r\n\r\n${base64Lines(pdfOf('Scan'))}`)}`,
};

export function machineMails(): HonestMail[] {
  const all = { ...reports, ...calendars, ...sealed, ...lists };
  return Object.entries(all).map(([id, text]) => ({ id, mail: Buffer.from(text, 'latin1'), today: true }));
}
