/** The examples of the standards, and mail that is odd to look at and legal, or old and harmless. */
import { octetsOf } from './ambiguous-payload.js';
import type { HonestMail } from './honest-writer.js';
import { base64Lines } from './mail.js';

const top =
  'From: Ann Example <ann@client.example>\r\nTo: bob@example.org\r\nSubject: Figures\r\nDate: Mon, 2 Feb 2026 10:00:00 +0000\r\nMessage-ID: <l1@client.example>\r\n';
const mime = `${top}MIME-Version: 1.0\r\n`;
const plain = `${mime}Content-Type: text/plain; charset=us-ascii\r\n`;

/** RFC 5322 appendix A, in the words of their fields but with names of our own. */
const rfc5322: Readonly<Record<string, string>> = {
  'a1-1':
    'From: John Doe <jdoe@machine.example>\r\nTo: Mary Smith <mary@example.net>\r\nSubject: Saying Hello\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1234@local.machine.example>\r\n\r\nThis is a message just to say hello.\r\nSo, "Hello".\r\n',
  'a1-1-sender':
    'From: John Doe <jdoe@machine.example>\r\nSender: Michael Jones <mjones@machine.example>\r\nTo: Mary Smith <mary@example.net>\r\nSubject: Saying Hello\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1234@local.machine.example>\r\n\r\nThis is a message just to say hello.\r\n',
  'a1-2':
    'From: "Joe Q. Public" <john.q.public@example.com>\r\nTo: Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>\r\nCc: <boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>\r\nDate: Tue, 1 Jul 2003 10:52:37 +0200\r\nMessage-ID: <5678.21-Nov-1997@example.com>\r\n\r\nHi everyone.\r\n',
  'a1-3':
    'From: Pete <pete@silly.example>\r\nTo: A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;\r\nCc: Undisclosed recipients:;\r\nDate: Thu, 13 Feb 1969 23:32:54 -0330\r\nMessage-ID: <testabcd.1234@silly.example>\r\n\r\nTesting.\r\n',
  'a3-resent':
    'Resent-From: Mary Smith <mary@example.net>\r\nResent-To: Jane Brown <j-brown@other.example>\r\nResent-Date: Mon, 24 Nov 1997 14:22:01 -0800\r\nResent-Message-ID: <78910@example.net>\r\nFrom: John Doe <jdoe@machine.example>\r\nTo: Mary Smith <mary@example.net>\r\nSubject: Saying Hello\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1234@local.machine.example>\r\n\r\nHello.\r\n',
  'a4-trace':
    'Received: from x.y.test\r\n  by example.net\r\n  via TCP\r\n  with ESMTP\r\n  id ABC12345\r\n  for <mary@example.net>;  21 Nov 1997 10:05:43 -0600\r\nReceived: from node.example by x.y.test; 21 Nov 1997 10:01:22 -0600\r\nFrom: John Doe <jdoe@node.example>\r\nTo: Mary Smith <mary@example.net>\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1234@local.node.example>\r\n\r\nHello.\r\n',
  'a5-comments':
    "From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\r\nTo:A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)\r\nCc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;\r\nDate: Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)\r\nMessage-ID:              <testabcd.1234@silly.test>\r\n\r\nTesting.\r\n",
};

/** RFC 2046 §5.1.1 and RFC 2049 appendix A in shape. */
const mimeExamples: Readonly<Record<string, string>> = {
  '2046-simple': `${mime}Content-type: multipart/mixed; boundary="simple boundary"\r\n\r\nThis is the preamble.  It is to be ignored, though it\r\nis a handy place for composition agents to include an\r\nexplanatory note to non-MIME conformant readers.\r\n\r\n--simple boundary\r\n\r\nThis is implicitly typed plain US-ASCII text.\r\nIt does NOT end with a linebreak.\r\n--simple boundary\r\nContent-type: text/plain; charset=us-ascii\r\n\r\nThis is explicitly typed plain US-ASCII text.\r\nIt DOES end with a linebreak.\r\n\r\n--simple boundary--\r\n\r\nThis is the epilogue.  It is also to be ignored.\r\n`,
  '2046-digest': `${mime}Content-Type: multipart/mixed; boundary="---- main boundary ----"\r\n\r\n------ main boundary ----\r\n\r\n   Introductory text\r\n\r\n------ main boundary ----\r\nContent-Type: multipart/digest;\r\n              boundary="---- next message ----"\r\n\r\n------ next message ----\r\n\r\nFrom: someone-else\r\nDate: Fri, 26 Mar 1993 11:13:32 +0200\r\nSubject: my opinion\r\n\r\n   ...body goes here ...\r\n\r\n------ next message ----\r\n\r\nFrom: someone-else-again\r\nDate: Fri, 26 Mar 1993 10:07:13 -0500\r\nSubject: my different opinion\r\n\r\n   ... another body goes here ...\r\n\r\n------ next message ------\r\n\r\n------ main boundary ------\r\n`,
  '2049-complex': `MIME-Version: 1.0\r\nFrom: Nathaniel <nsb@nsb.example>\r\nTo: Ned <ned@innosoft.example>\r\nDate: Fri, 07 Oct 1994 16:15:05 -0700 (PDT)\r\nSubject: A multipart example\r\nContent-Type: multipart/mixed;\r\n              boundary=unique-boundary-1\r\n\r\nThis is the preamble area of a multipart message.\r\n\r\n--unique-boundary-1\r\n\r\n  ... Some text appears here ...\r\n\r\n--unique-boundary-1\r\nContent-type: text/plain; charset=US-ASCII\r\n\r\nThis could have been part of the previous part.\r\n\r\n--unique-boundary-1\r\nContent-Type: multipart/parallel; boundary=unique-boundary-2\r\n\r\n--unique-boundary-2\r\nContent-Type: audio/basic\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(octetsOf('audio', 200))}\r\n--unique-boundary-2\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(octetsOf('jpeg', 200))}\r\n--unique-boundary-2--\r\n\r\n--unique-boundary-1\r\nContent-type: text/enriched\r\n\r\nThis is <bold><italic>enriched.</italic></bold>\r\n\r\n--unique-boundary-1\r\nContent-Type: message/rfc822\r\n\r\nFrom: someone@client.example\r\nTo: another@client.example\r\nSubject: subject in US-ASCII\r\nContent-Type: Text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: Quoted-printable\r\n\r\n  ... Additional text in ISO-8859-1 goes here =E9...\r\n\r\n--unique-boundary-1--\r\n`,
  '2231-names': `${mime}Content-Type: application/pdf;\r\n name*0*=us-ascii'en'This%20is%20even%20more%20;\r\n name*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n name*2="isn't it.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(Buffer.from('%PDF-1.4\n%%EOF\n'))}`,
  '2183-dates': `${mime}Content-Type: image/jpeg\r\nContent-Disposition: attachment; filename=genome.jpeg;\r\n  modification-date="Wed, 12 Feb 1997 16:29:51 -0500"\r\nContent-Description: a complete map of the human genome\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(octetsOf('genome', 300))}`,
  'version-comment': `${top}MIME-Version: (produced by MetaSend Vx.x) 1.0\r\nContent-type: text/plain; charset=us-ascii (Plain text)\r\n\r\nHello\r\n`,
  'boundary-special': `${mime}Content-Type: multipart/mixed;\r\n boundary="gc0pJq0M:08jU534c0p"\r\n\r\n--gc0pJq0M:08jU534c0p\r\n\r\nHello\r\n--gc0pJq0M:08jU534c0p--\r\n`,
};

const old: Readonly<Record<string, string>> = {
  'no-mime': `${top}\r\nHello Bob.\r\n`,
  'no-mime-latin1': `${top}\r\nGr\xfc\xdfe aus K\xf6ln\r\n`,
  'elm-type': `${mime}Content-Type: text\r\n\r\nHello\r\n`,
  'elm-lines': `${top}X-Mailer: ELM [version 2.4ME+ PL25 (25)]\r\nContent-Length: 9\r\nStatus: RO\r\n\r\nHello.\r\n`,
  'sun-attachment': `${top}Content-Type: X-sun-attachment\r\n\r\n----------\r\nX-Sun-Data-Type: text\r\nX-Sun-Content-Lines: 1\r\n\r\nHello\r\n`,
};

const charsets: Readonly<Record<string, string>> = {
  'iso-2022-jp': `${mime}Content-Type: text/plain; charset=ISO-2022-JP\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\x1b$B$3$s$K$A$O\x1b(B\r\n`,
  'iso-2022-jp-subject': `${plain.replace('Subject: Figures', 'Subject: =?ISO-2022-JP?B?GyRCJDMkcyRLJEEkTxsoQg==?=')}\r\nHello\r\n`,
  gb2312: `${mime}Content-Type: text/plain; charset=gb2312\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7\r\n`,
  'gb2312-base64': `${mime}Content-Type: text/plain; charset="gb2312"\r\nContent-Transfer-Encoding: base64\r\n\r\nxOO6w6Osy8C95w0K\r\n`,
  'koi8-r': `${mime}Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xf0\xd2\xc9\xd7\xc5\xd4\r\n`,
  'windows-1252': `${mime}Content-Type: text/plain; charset="windows-1252"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\x93quoted\x94 \x96 \x80 10\r\n`,
  'utf-8-headers': `${plain.replace('Ann Example', '"Ann \xc3\x84xample"').replace('Figures', 'Gr\xc3\xbc\xc3\x9fe')}\r\nHello\r\n`,
  'utf-7': `${mime}Content-Type: text/plain; charset=utf-7\r\n\r\nGr+APwA3w-e\r\n`,
  'euc-kr': `${mime}Content-Type: text/html; charset=euc-kr\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>\xbe\xc8\xb3\xe7</p>\r\n`,
  'utf-8-bom': `${mime}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xef\xbb\xbfHello\r\n`,
};

const many = Array.from({ length: 400 }, (_, index) => `"Person ${index}, Example" <p${index}@client.example>`);
const received = Array.from(
  { length: 30 },
  (_, index) =>
    `Received: from h${index}.client.example (h${index}.client.example [IPv6:2001:db8::${index}])\r\n\tby h${index + 1}.client.example (Postfix) with ESMTPS id ABC${index}\r\n\tfor <bob@example.org>; Mon,  2 Feb 2026 10:00:${String(index).padStart(2, '0')} +0000 (UTC)\r\n`,
);

const legal: Readonly<Record<string, string>> = {
  'empty-body': plain,
  'empty-body-line': `${plain}\r\n`,
  'no-final-newline': `${plain}\r\nHello`,
  'only-newlines': `${plain}\r\n\r\n\r\n\r\n`,
  'long-line': `${plain}\r\n${'word '.repeat(195)}\r\n`,
  'long-html-line': `${mime}Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>${'<p>word</p>'.repeat(2000)}</body></html>\r\n`,
  'many-cc': `${top}Cc: ${many.join(',\r\n ')}\r\nMIME-Version: 1.0\r\n\r\nHello\r\n`,
  'many-references': `${top}References: ${Array.from({ length: 100 }, (_, index) => `<r${index}@client.example>`).join('\r\n ')}\r\n\r\nHello\r\n`,
  'long-received': `${received.join('')}${plain}\r\nHello\r\n`,
  'arc-chain': `ARC-Seal: i=1; a=rsa-sha256; s=arcselector; d=client.example; cv=none;\r\n b=AbCd+/0123456789==\r\nARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=client.example;\r\n s=arcselector;\r\n h=From:Date:Subject:Message-ID:Content-Type:MIME-Version;\r\n bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=xyz=\r\nARC-Authentication-Results: i=1; mx.client.example 1; spf=pass smtp.mailfrom=client.example; dmarc=pass action=none header.from=client.example\r\nAuthentication-Results: mx.example.org;\r\n\tdkim=pass (2048-bit key) header.d=client.example header.i=@client.example header.b="AbC"\r\nReceived-SPF: pass (example.org: domain of ann@client.example designates 192.0.2.10 as permitted sender) client-ip=192.0.2.10;\r\n${plain}\r\nHello\r\n`,
  'from-line-in-text': `${plain}\r\nHello\r\n\r\nFrom here on it is easy.\r\n>From there not.\r\nFrom ann@client.example Mon Feb  2 10:00:00 2026\r\nSubject: no header\r\n`,
  'dashes-in-text': `${plain}\r\n--\r\n-- \r\n---\r\n----------\r\n--b\r\n--b--\r\n------------------------------\r\n`,
  'begin-in-text': `${plain}\r\nbegin 1999 with a party\r\nbegin 644 things at once\r\nand end\r\nend\r\n`,
  'yenc-in-text': `${plain}\r\nA yEnc file starts with a line =ybegin and ends with =yend.\r\n`,
  'binhex-in-text': `${plain}\r\nThe first line says (This file must be converted with BinHex 4.0).\r\n`,
  'base64-in-text': `${plain}\r\nThe header was encoded as\r\n\r\n${base64Lines(octetsOf('quote', 120))}\r\nwhich is odd.\r\n`,
  'hex-in-text': `${plain}\r\n${octetsOf('hex', 200).toString('hex').replace(/.{64}/g, '$&\r\n')}\r\n`,
  'key-in-text': `${plain}\r\n-----BEGIN CERTIFICATE-----\r\n${base64Lines(octetsOf('cert', 700))}-----END CERTIFICATE-----\r\n`,
  'ssh-key': `${plain}\r\nssh-rsa ${octetsOf('ssh', 380).toString('base64')} ann@client\r\n`,
  patch: `${plain}\r\ndiff --git a/x.c b/x.c\r\nindex 12345..67890 100644\r\n--- a/x.c\r\n+++ b/x.c\r\n@@ -1,3 +1,3 @@\r\n-int main()\r\n+int main(void)\r\n { return 0; }\r\n-- \r\n2.39.2\r\n`,
  'headers-in-text': `${plain}\r\nPlease send me the headers:\r\n\r\nReceived: from a by b\r\nFrom: x@client.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="abc"\r\n\r\n--abc\r\nContent-Type: application/octet-stream\r\n\r\n--abc--\r\n`,
  'field-like-first-line': `${plain}\r\nNote: I shall be late.\r\nWhen: tomorrow\r\n\r\nAnn\r\n`,
  folding: `${top}MIME-Version:\r\n 1.0\r\nContent-Type:\r\n text/plain;\r\n  charset=\r\n   "us-ascii"\r\nContent-Transfer-Encoding:\r\n\t7bit\r\nX-Empty:\r\nX-Blank: \r\n\r\nHello\r\n`,
  case: `${top}mime-version: 1.0\r\ncontent-type: TEXT/PLAIN; CHARSET=US-ASCII\r\ncontent-transfer-encoding: 7BIT\r\n\r\nHello\r\n`,
  'no-blanks': `${top}MIME-Version:1.0\r\nContent-Type:text/plain;charset=utf-8\r\nContent-Transfer-Encoding:8bit\r\n\r\nHello\r\n`,
  'trailing-semicolon': `${mime}Content-Type: text/plain; charset=utf-8;\r\n\r\nHello\r\n`,
  flowed: `${mime}Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\nThis is a paragraph that \r\nis flowed.\r\n> > quoted \r\n> > twice\r\n-- \r\nAnn\r\n`,
  'qp-one-line': `${mime}Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p style=3D"color: =\r\nred">caf=C3=A9</p>=\r\n`,
  'multipart-one-part': `${mime}Content-Type: multipart/mixed; boundary=only\r\n\r\n--only\r\nContent-Type: text/plain\r\n\r\nHello\r\n--only--\r\n`,
  'multipart-epilogue': `${mime}Content-Type: multipart/mixed; boundary=only\r\n\r\n--only\r\nContent-Type: text/plain\r\n\r\nHello\r\n--only--\r\n\r\n\r\n_____\r\nThis mail was checked.\r\n`,
  'multipart-empty-part': `${mime}Content-Type: multipart/alternative; boundary=only\r\n\r\n--only\r\nContent-Type: text/plain\r\n\r\n\r\n--only\r\nContent-Type: text/html\r\n\r\n<p></p>\r\n--only--\r\n`,
  'empty-attachment': `${mime}Content-Type: multipart/mixed; boundary=only\r\n\r\n--only\r\nContent-Type: text/plain\r\n\r\nHello\r\n--only\r\nContent-Type: application/octet-stream; name=empty.dat\r\nContent-Disposition: attachment; filename=empty.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n--only--\r\n`,
  'x-unknown-type': `${mime}Content-Type: multipart/mixed; boundary=only\r\n\r\n--only\r\nContent-Type: text/plain\r\n\r\nHello\r\n--only\r\nContent-Type: application/x-thing; name="a.thing"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="a.thing"\r\n\r\n${base64Lines(octetsOf('thing', 500))}\r\n--only--\r\n`,
  'data-uri-image': `${mime}Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><img src="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"></body></html>\r\n`,
};

/** Dead programs' ways, by name. */
const former = new Set(['no-mime-latin1', 'elm-type', 'elm-lines', 'sun-attachment', 'utf-7', 'version-comment']);

export function legalMails(): HonestMail[] {
  const groups = { rfc5322: rfc5322, rfc: mimeExamples, old, charset: charsets, legal };
  return Object.entries(groups).flatMap(([group, mails]) =>
    Object.entries(mails).map(([name, text]) => ({
      id: `${group}-${name}`,
      mail: Buffer.from(text, 'latin1'),
      today: group !== 'rfc5322' && !former.has(name),
    })),
  );
}
