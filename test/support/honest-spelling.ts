/** Spellings that boundaries of several mail programs have in common. */

export const multiPart = 'This is a multi-part message in MIME format.\r\n';
export const guid = (hex: string) =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`.toUpperCase();

export function digits(unique: string, count: number): string {
  return BigInt(`0x${unique}`).toString().slice(0, count);
}
