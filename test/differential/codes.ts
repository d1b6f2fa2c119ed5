/** A VMA's flags as smaps shows them: codes of two letters, each followed by a space. */

/** In the order of the bits. */
const ORDER = 'rd wr ex sh mr mw me ms gu lo sr rr dc lf ac nr wf dd hg nh mg dp sl'.split(' ');

export const has = (flags: string, ...codes: readonly string[]): boolean =>
  codes.some((code) => flags.includes(`${code} `));

export const normal = (codes: ReadonlySet<string>): string =>
  ORDER.filter((code) => codes.has(code))
    .map((code) => `${code} `)
    .join('');

const split = (flags: string): Set<string> => new Set(flags.split(' '));

export function plus(flags: string, ...more: readonly string[]): string {
  const codes = split(flags);
  for (const code of more) codes.add(code);
  return normal(codes);
}

export function minus(flags: string, ...fewer: readonly string[]): string {
  const codes = split(flags);
  for (const code of fewer) codes.delete(code);
  return normal(codes);
}
