/** Ambiguous mails whose payload is not found, each with the reason why that is accepted. Kept as short as can be. */

export const knownGaps: Readonly<Record<string, string>> = {};
