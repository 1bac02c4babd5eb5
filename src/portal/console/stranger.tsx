/** Strings that strangers wrote, as they are shown: on one line, bounded, and unable to turn their neighbours around. */
import { cleanLine } from '../../notice/clean.js';
import { limits } from '../../runtime/limits.js';

export function Words({ text, none = '' }: { readonly text: string | undefined; readonly none?: string }) {
  const clean = cleanLine(text ?? '', limits.notice.fieldCharacters);
  return clean === '' ? <span class="soft">{none}</span> : <bdi>{clean}</bdi>;
}

/** The first few of several, and how many there are beside them. */
export function People({ addresses, count }: { readonly addresses: readonly string[]; readonly count: number }) {
  return (
    <>
      {addresses.map((address, index) => (
        <div key={index}>
          <Words text={address} none="(empty address)" />
        </div>
      ))}
      {count > addresses.length ? <span class="soft">and {count - addresses.length} more</span> : undefined}
    </>
  );
}

export function pluralText(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
