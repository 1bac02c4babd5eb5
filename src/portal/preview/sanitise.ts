/**
 * HTML of a stranger as text with headings, lists and tables: no style, no picture, no link that can be followed, no
 * form, no script. A library takes away what is not allowed; what it gives is then read once more, and anything but the
 * few tags below in exactly one spelling is refused, so that no disagreement between parsers can matter.
 */
import sanitize from 'sanitize-html';
import { cleanLine, defang } from '../../notice/clean.js';
import { limits } from '../../runtime/limits.js';
import { cleanText } from './clean-text.js';

const plainTags = [
  ...['p', 'div', 'span', 'blockquote', 'pre', 'code', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6'],
  ...['b', 'strong', 'i', 'em', 'u', 's', 'small', 'sub', 'sup', 'ul', 'ol', 'li', 'dl', 'dt', 'dd'],
  ...['table', 'caption', 'thead', 'tbody', 'tfoot', 'tr', 'th', 'td'],
];
const voidTags = ['br', 'hr'];

/** Left out with what is in them; of other tags that are not allowed only the tags are left out. */
const unread = [
  ...['script', 'style', 'title', 'textarea', 'option', 'select', 'noscript', 'noembed', 'noframes', 'template'],
  ...['iframe', 'object', 'applet', 'svg', 'math', 'xmp', 'plaintext', 'listing', 'audio', 'video', 'canvas'],
];

/** Stand for what is made of a link or a picture until the library is done; mails cannot make them. */
const linkMark = 'data-leads-to';
const pictureMark = 'data-shows';

/** Where a link leads, as text that nobody's program makes a link of again. */
function target(href: string): string {
  const { targetCharacters } = limits.preview;
  return defang(cleanLine(href.slice(0, targetCharacters * 8).replace(/\s+/g, ''), targetCharacters));
}

function withMark(mark: string, value: string): sanitize.Tag {
  // A Map-like object without a prototype: names come from a stranger.
  return { tagName: 'span', attribs: value === '' ? {} : { [mark]: value } };
}

const options: sanitize.IOptions = {
  allowedTags: [...plainTags, ...voidTags],
  allowedAttributes: { span: [linkMark, pictureMark], td: ['colspan', 'rowspan'], th: ['colspan', 'rowspan'] },
  allowedSchemes: [],
  allowProtocolRelative: false,
  disallowedTagsMode: 'discard',
  nonTextTags: unread,
  selfClosing: voidTags,
  parseStyleAttributes: false,
  nestingLimit: limits.preview.nestingMax,
  textFilter: (text) => defang(cleanText(text)),
  transformTags: {
    span: () => ({ tagName: 'span', attribs: {} }),
    center: () => ({ tagName: 'div', attribs: {} }),
    a: (_name, attributes) => withMark(linkMark, target(attributes.href ?? '')),
    area: (_name, attributes) => withMark(linkMark, target(attributes.href ?? '')),
    img: (_name, attributes) =>
      withMark(pictureMark, defang(cleanLine(attributes.alt ?? '', limits.notice.fieldCharacters)) || 'no description'),
    td: cell('td'),
    th: cell('th'),
  },
};

/** Tables of mails need their cells joined, but a cell over a million columns is an attack on the reader's memory. */
function cell(tagName: 'td' | 'th'): sanitize.Transformer {
  return (_name, attributes) => {
    const attribs: sanitize.Attributes = {};
    for (const name of ['colspan', 'rowspan']) {
      const value = attributes[name] ?? '';
      if (/^[1-9]\d?$/.test(value)) attribs[name] = value;
    }
    return { tagName, attribs };
  };
}

const marked = new RegExp(`<span (${linkMark}|${pictureMark})="([^"]*)">`, 'g');

/** A whole tag of ours, or a character that begins none. */
const tags = new RegExp(
  `<(?:/?(?:${plainTags.join('|')})|(?:${voidTags.join('|')}) /|t[dh](?: (?:col|row)span="\\d\\d?"){1,2}|span class="(?:leads|picture)")>|<`,
  'g',
);

/** @returns markup for the content of a body, or undefined when it cannot be made safe */
export function sanitiseHtml(html: string): { readonly html: string; readonly cut: boolean } | undefined {
  const { htmlCharacters, shownHtmlCharacters } = limits.preview;
  const given = html.slice(0, htmlCharacters);
  const safe = sanitize(given, options).replace(marked, (_all, mark: string, value: string) =>
    mark === linkMark
      ? `<span class="leads">[${value}]</span> <span>`
      : `<span class="picture">[picture: ${value}]</span><span>`,
  );
  if (safe.length > shownHtmlCharacters) return undefined;
  for (const [tag] of safe.matchAll(tags)) if (tag === '<') return undefined;
  return { html: safe.trim(), cut: given.length < html.length };
}
