/** Mails with a mark of their own in every place that a client could read, and how they are to be judged. */

export type Kind = 'clean' | 'text' | 'bad' | 'late-bad' | 'deferred';

export interface JudgedMail {
  readonly uid: number;
  readonly kind: Kind;
  readonly bytes: Buffer;
  /** in all headers, bodies, names and attachments of it, and nowhere else */
  readonly mark: string;
}

/** `late-bad` shows no attachment in its structure, and is bad all the same. */
export function judgedMail(uid: number, kind: Kind, size: number): JudgedMail {
  const mark = `MARK${uid}${kind.replace('-', '').toUpperCase()}Z`;
  const filler = `${mark} ${'x'.repeat(60)}\r\n`.repeat(Math.ceil(size / 80));
  const head = [
    `From: ${mark} <${mark}@example.net>`,
    'To: bob@example.org',
    `Subject: ${mark}`,
    `Message-ID: <${mark}@example.net>`,
    'MIME-Version: 1.0',
  ];
  const plain = ['Content-Type: text/plain; charset=utf-8', '', `${mark} body`, filler];
  const lines =
    kind === 'text' || kind === 'late-bad'
      ? [...head, ...plain]
      : [
          ...head,
          `Content-Type: multipart/mixed; boundary=b${uid}`,
          '',
          `--b${uid}`,
          ...plain,
          `--b${uid}`,
          `Content-Type: application/octet-stream; name="${mark}.exe"`,
          '',
          `${mark} attachment`,
          `--b${uid}--`,
          '',
        ];
  return { uid, kind, bytes: Buffer.from(lines.join('\r\n'), 'latin1'), mark };
}

/** What stands in for all blocked mails. */
export const noticeBytes = Buffer.from(
  [
    'From: Mail Security <postmaster@example.org>',
    'To: bob@example.org',
    'Subject: Malware Detected',
    'MIME-Version: 1.0',
    'Content-Type: multipart/alternative; boundary=n',
    '',
    '--n',
    'Content-Type: text/plain',
    '',
    'NOTICE in text',
    '--n',
    'Content-Type: text/html',
    '',
    '<p>NOTICE in HTML</p>',
    '--n--',
    '',
  ].join('\r\n'),
);
