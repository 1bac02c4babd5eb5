/** Strings that strangers wrote, as they are shown: on one line, bounded, and unable to turn their neighbours around. */
import { cleanLine } from '../../notice/clean.js';
import { limits } from '../../runtime/limits.js';

export function Words({
  text,
  none = '',
  max = limits.notice.fieldCharacters,
}: {
  readonly text: string | undefined;
  /** stands there when the string is empty */
  readonly none?: string;
  /** characters; a row of a list has less room than a page */
  readonly max?: number;
}) {
  const clean = cleanLine(text ?? '', max);
  return clean === '' ? <span class="soft">{none}</span> : <bdi>{clean}</bdi>;
}

/** characters of a string in a row of a list */
export const rowMax = 64;

/** The first few of several, each on its line, and how many there are beside them. */
export function People({
  addresses,
  count,
  none = '(empty address)',
}: {
  readonly addresses: readonly string[];
  readonly count: number;
  readonly none?: string;
}) {
  return (
    <>
      {addresses.map((address, index) => (
        <span key={index} class="person">
          <Words text={address} none={none} max={rowMax} />
        </span>
      ))}
      {count > addresses.length ? <span class="person soft">and {count - addresses.length} more</span> : undefined}
    </>
  );
}

export function pluralText(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
