/**
 * What of a withheld message may be looked at: a few fields, its text, and its HTML without anything that acts, loads or
 * leads elsewhere. Plain values that cross from the parsing thread.
 */

export interface MessagePreview {
  /** decoded, one line each, bounded; empty when the field is missing */
  readonly from: string;
  readonly subject: string;
  /** as the mail has it */
  readonly date: string;
  /** the fields of the header in their order, for administrators only: they name other recipients */
  readonly fields: readonly (readonly [string, string])[];
  /** empty when there is none; lines end with LF */
  readonly text: string;
  /** markup that `sanitiseHtml` made; empty when there is none */
  readonly html: string;
  /** the message has HTML that cannot be made safe to look at */
  readonly htmlRefused: boolean;
  /** something was left out because the message is long */
  readonly cut: boolean;
}

/** Why there is nothing to look at. */
export type PreviewFailure = 'no-identity' | 'gone' | 'too-large' | 'busy' | 'failed';

export type PreviewOutcome =
  | { readonly kind: 'shown'; readonly preview: MessagePreview }
  | { readonly kind: 'unavailable'; readonly reason: PreviewFailure };

/** What a page needs of it. */
export interface Preview {
  /** @param item identifier of a held message */
  preview(item: string): Promise<PreviewOutcome>;
}
