/** What honest people send: letters, replies, pictures, papers, forwarded mail, and texts that look like mail. */
import { deflateSync } from 'node:zlib';
import { zipOf } from './ambiguous-file.js';
import { crc32, octetsOf } from './ambiguous-payload.js';
import type { Content, HonestFile } from './honest-writer.js';

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  const facts = Buffer.alloc(8);
  facts.writeUInt32BE(data.length, 0);
  facts.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([facts.subarray(0, 4), named, facts.subarray(4)]);
}

/** A square of one grey. */
export function pngOf(side: number): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.writeUInt8(8, 8);
  const rows = Buffer.alloc(side * (side + 1), 0x80);
  for (let row = 0; row < side; row += 1) rows.writeUInt8(0, row * (side + 1));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    ...[chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))],
  ]);
}

export function pdfOf(text: string): Buffer {
  const page = `BT /F1 12 Tf 72 720 Td (${text}) Tj ET`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${page.length} >>\nstream\n${page}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let file = '%PDF-1.4\n%\xe2\xe3\xcf\xd3\n';
  const offsets: number[] = [];
  for (const [index, object] of objects.entries()) {
    offsets.push(file.length);
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const end = `xref\n0 6\n0000000000 65535 f \n${table}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n${file.length}\n%%EOF\n`;
  return Buffer.from(file + end, 'latin1');
}

const pdf: HonestFile = { name: 'Report 2026.pdf', type: 'application/pdf', content: pdfOf('Report') };
const picture: HonestFile = { name: 'image001.png', type: 'image/png', content: pngOf(32), inline: true };
const table: HonestFile = {
  name: 'figures.csv',
  type: 'text/csv',
  content: Buffer.from('year;sum\r\n2024;10\r\n2025;12\r\n'),
};
const foreign: HonestFile = { name: 'Übersicht März €.pdf', type: 'application/pdf', content: pdfOf('Uebersicht') };
const japanese: HonestFile = { name: '見積書.pdf', type: 'application/pdf', content: pdfOf('Mitsumori') };
const archive: HonestFile = {
  name: 'notes.zip',
  type: 'application/zip',
  content: zipOf('notes.txt', Buffer.from('Some notes.\r\n'.repeat(30))),
};
const photo: HonestFile = {
  name: 'IMG_0042.jpeg',
  type: 'image/jpeg',
  content: Buffer.concat([
    Buffer.from('\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0', 'latin1'),
    octetsOf('photo', 3000),
    Buffer.from('\xff\xd9', 'latin1'),
  ]),
};

const letter =
  'Dear Bob,\r\n\r\nplease find the figures below. I shall be back on Monday.\r\n\r\nKind regards\r\nAnn\r\n\r\n-- \r\nAnn Example\r\nClient Ltd, 1 High Street\r\n';
const accents =
  'Grüße aus Köln,\r\n\r\nça va très bien – merci… 10 € für „alles“.\r\n\r\nEl niño añade más = igual.\r\n';
const western = 'Grüße aus Köln, ça va très bien.\r\n\r\nÅse Öberg\r\n';

function html(text: string): string {
  const paragraphs = text
    .split('\r\n')
    .map((line) => `<p class=3D"MsoNormal">${line}<o:p></o:p></p>`.replaceAll('=3D', '='));
  return `<html xmlns:o="urn:schemas-microsoft-com:office:office">\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\r\n<style><!--\r\np.MsoNormal { margin: 0cm; font-size: 11.0pt; }\r\n--></style>\r\n</head>\r\n<body lang="EN-GB">\r\n${paragraphs.join('\r\n')}\r\n<img src="cid:image001@client.example" width="32">\r\n</body>\r\n</html>\r\n`;
}

const quotedMail =
  'See my answers below.\r\n\r\nOn Mon, 2 Feb 2026 at 10:00, Bob Example <bob@example.org> wrote:\r\n> Dear Ann,\r\n>\r\n> > Content-Type: text/plain; charset=us-ascii\r\n> > MIME-Version: 1.0\r\n>\r\n> From here on it goes on.\r\n\r\n-----Original Message-----\r\nFrom: Bob Example\r\nSent: Monday, February 2, 2026 9:00 AM\r\nTo: Ann Example\r\nSubject: Figures\r\n\r\nHello Ann\r\n________________________________\r\nVon: Carl\r\nGesendet: Montag\r\n';

/** Text about mail, which filters for mail-like text trip over. */
const mailLikeText =
  'Hi,\r\n\r\nyour server answers like this:\r\n\r\nContent-Type: multipart/mixed; boundary="frontier"\r\nContent-Transfer-Encoding: base64\r\n\r\n--frontier\r\nContent-Type: text/plain\r\n\r\nThis is the body\r\n--frontier--\r\n\r\nbegin 1999 with a party, end it with another.\r\nbegin with the first\r\nend\r\n\r\n=====\r\n--\r\n---\r\n-- \r\nAnn\r\n';

const forwarded = Buffer.from(
  'Return-Path: <carl@client.example>\r\nReceived: from a by b; Mon, 02 Feb 2026 09:00:00 +0000\r\nFrom: Carl <carl@client.example>\r\nTo: ann@client.example\r\nSubject: Minutes\r\nDate: Mon, 02 Feb 2026 09:00:00 +0000\r\nMessage-ID: <f1@client.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nThe minutes are as follows.\r\n',
);

export const contents: readonly Content[] = [
  { id: 'letter', subject: 'Figures', text: letter },
  { id: 'accents', subject: 'Grüße – und €', text: accents },
  { id: 'western', subject: 'Grüße', text: western, html: html(western) },
  { id: 'html', subject: 'Figures', text: letter, html: html(letter) },
  { id: 'paper', subject: 'Report', text: letter, files: [pdf] },
  { id: 'picture', subject: 'Picture', text: letter, html: html(letter), images: [picture], files: [pdf, photo] },
  { id: 'names', subject: 'Übersicht', text: accents, html: html(accents), files: [foreign, japanese, table] },
  { id: 'reply', subject: 'Re: Figures', text: quotedMail, html: html(quotedMail.replaceAll('<', '&lt;')) },
  { id: 'about-mail', subject: 'About MIME', text: mailLikeText, files: [archive] },
  { id: 'forwarded', subject: 'Fwd: Minutes', text: 'FYI\r\n', forwarded },
  { id: 'nothing-said', subject: '', text: '', files: [pdf] },
  {
    id: 'long-lines',
    subject: 'Terms',
    text: `${'All of this is one paragraph. '.repeat(30)}\r\n\r\n${'x'.repeat(990)}\r\n`,
  },
];
