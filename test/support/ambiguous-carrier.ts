/** Files inside of formats that are no archives: Apple's forks, data: URIs, calendars, cards, and texts in odd charsets. */
import { base64, quoted, uuencoded } from './ambiguous-payload.js';
import { base64Field, body, file, type LeafTrick } from './ambiguous-shape.js';

function hex(octet: number): string {
  return octet.toString(16).padStart(2, '0');
}

/** RFC 1740: the magic number, and entries of id, offset and length. */
function appleFile(magic: number, forks: readonly (readonly [number, Buffer])[]): Buffer {
  const head = Buffer.alloc(26 + 12 * forks.length);
  head.writeUInt32BE(magic, 0);
  head.writeUInt32BE(0x00020000, 4);
  head.writeUInt16BE(forks.length, 24);
  let at = head.length;
  for (const [index, [id, content]] of forks.entries()) {
    head.writeUInt32BE(id, 26 + 12 * index);
    head.writeUInt32BE(at, 30 + 12 * index);
    head.writeUInt32BE(content.length, 34 + 12 * index);
    at += content.length;
  }
  return Buffer.concat([head, ...forks.map(([, content]) => content)]);
}

function encoded(type: string, content: Buffer): string {
  return `Content-Type: ${type}\r\n${base64Field}\r\n${base64(content)}`;
}

const appleDouble = 0x00051607;
const appleSingle = 0x00051600;
const html = (payload: Buffer, tag: string) =>
  `<html><body>${tag.replace('DATA', `data:application/octet-stream;base64,${payload.toString('base64')}`)}</body></html>\r\n`;

const dataTags: readonly (readonly [string, string])[] = [
  ['link', '<a download="update.exe" href="DATA">open</a>'],
  ['image', '<img src="DATA">'],
  ['single-quotes', "<a href='DATA'>open</a>"],
  ['bare', '<a href=DATA>open</a>'],
  ['object', '<object data="DATA"></object>'],
  ['css', '<div style="background:url(DATA)">x</div>'],
  ['refresh', '<meta http-equiv=refresh content="0;url=DATA">'],
];

/** A property of iCalendar or vCard, folded as RFC 5545 §3.1 says. */
function folded(property: string): string {
  return property.replace(/.{70}/g, '$&\r\n ');
}

function* carriers(): Generator<LeafTrick> {
  const fork = Buffer.from('resource fork of a file', 'latin1');
  const resource = encoded('application/applefile; name=update.exe', appleFile(appleDouble, [[9, fork]]));
  yield {
    class: 'A55',
    id: 'appledouble',
    leaf: (payload) =>
      `Content-Type: multipart/appledouble; boundary=ad\r\n\r\n${body('ad', [resource, file(base64Field, base64(payload))])}`,
  };
  yield {
    class: 'A55',
    id: 'appledouble-fork',
    leaf: (payload) =>
      encoded(
        'application/applefile; name=a',
        appleFile(appleDouble, [
          [9, Buffer.from('x')],
          [2, payload],
        ]),
      ),
  };
  yield {
    class: 'A55',
    id: 'applesingle',
    leaf: (payload) =>
      encoded(
        'application/applefile; name=a',
        appleFile(appleSingle, [
          [3, Buffer.from('update.exe')],
          [1, payload],
        ]),
      ),
  };
  yield {
    class: 'A55',
    id: 'applesingle-octets',
    leaf: (payload) =>
      encoded(
        'application/octet-stream',
        appleFile(appleSingle, [
          [1, payload],
          [2, fork],
        ]),
      ),
  };
}

function* dataUris(): Generator<LeafTrick> {
  for (const [id, tag] of dataTags) {
    yield {
      class: 'A55',
      id: `data-${id}`,
      leaf: (payload) => `Content-Type: text/html; charset=utf-8\r\n\r\n${html(payload, tag)}`,
    };
    yield {
      class: 'A55',
      id: `data-${id}-qp`,
      leaf: (payload) =>
        `Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${quoted(Buffer.from(html(payload, tag)))}`,
    };
  }
  yield {
    class: 'A55',
    id: 'data-percent',
    leaf: (payload) =>
      `Content-Type: text/html\r\n\r\n<a href="data:application/octet-stream,${[...payload].map((octet) => `%${hex(octet)}`).join('')}">x</a>`,
  };
  yield {
    class: 'A55',
    id: 'data-entities',
    leaf: (payload) =>
      `Content-Type: text/html\r\n\r\n${html(payload, '<a href="DATA">x</a>').replace('data:', '&#100;ata&#x3a;')}`,
  };
  yield {
    class: 'A55',
    id: 'data-file',
    leaf: (payload) => encoded('text/html; name=page.html', Buffer.from(html(payload, '<a href="DATA">x</a>'))),
  };
}

function* cards(): Generator<LeafTrick> {
  const attach = (payload: Buffer) =>
    folded(
      `ATTACH;FMTTYPE=application/octet-stream;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=update.exe:${payload.toString('base64')}`,
    );
  const calendar = (payload: Buffer) =>
    `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\n${attach(payload)}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n`;
  yield {
    class: 'A55',
    id: 'calendar',
    leaf: (payload) => `Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n${calendar(payload)}`,
  };
  yield {
    class: 'A55',
    id: 'calendar-base64',
    leaf: (payload) => encoded('text/calendar; name=invite.ics', Buffer.from(calendar(payload))),
  };
  yield {
    class: 'A55',
    id: 'calendar-octets',
    leaf: (payload) => encoded('application/octet-stream; name=invite.ics', Buffer.from(calendar(payload))),
  };
  for (const [id, property] of [
    ['photo-3', 'PHOTO;ENCODING=b;TYPE=JPEG'],
    ['photo-2', 'PHOTO;JPEG;ENCODING=BASE64'],
    ['key', 'KEY;TYPE=X509;ENCODING=b'],
    ['photo-4', 'PHOTO:data:image/jpeg;base64'],
  ]) {
    const separator = id === 'photo-4' ? ',' : ':';
    const card = (payload: Buffer) =>
      `BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\n${folded(`${property}${separator}${payload.toString('base64')}`)}\r\n\r\nEND:VCARD\r\n`;
    yield {
      class: 'A55',
      id: `vcard-${id}`,
      leaf: (payload) => `Content-Type: text/vcard; name=ann.vcf\r\n\r\n${card(payload)}`,
    };
  }
}

function utf16(text: string): Buffer {
  return Buffer.from(`\ufeff${text}`, 'utf16le');
}

/** UTF-7 (RFC 2152) of text whose angle brackets and quotes are in base64. */
function utf7(text: string): string {
  return text.replace(
    /[<>"]/g,
    (one) =>
      `+${Buffer.from([0, one.charCodeAt(0)])
        .toString('base64')
        .replace(/=+$/, '')}-`,
  );
}

function* charsets(): Generator<LeafTrick> {
  const page = (payload: Buffer) => html(payload, '<a href="DATA">x</a>');
  yield {
    class: 'A56',
    id: 'utf16-html-data',
    leaf: (payload) => encoded('text/html; charset=utf-16', utf16(page(payload))),
  };
  yield {
    class: 'A56',
    id: 'utf16-html-undeclared',
    leaf: (payload) => encoded('text/html; name=a.html', utf16(page(payload))),
  };
  yield {
    class: 'A56',
    id: 'utf7-html-data',
    leaf: (payload) => `Content-Type: text/html; charset=utf-7\r\n\r\n${utf7(page(payload))}`,
  };
  for (const charset of ['utf-16le', 'utf-7', 'iso-2022-jp', 'hz-gb-2312', 'x-unknown', 'utf-32']) {
    yield {
      class: 'A56',
      id: `text-${charset}`,
      leaf: (payload) => encoded(`text/plain; charset=${charset}; name=a.exe`, payload),
    };
  }
  yield {
    class: 'A56',
    id: 'utf16-uu',
    leaf: (payload) => encoded('text/plain; charset=utf-16', utf16(`Hi\r\n\r\n${uuencoded(payload)}`)),
  };
}

export const carrierLeaves: readonly LeafTrick[] = [...carriers(), ...dataUris(), ...cards(), ...charsets()];
