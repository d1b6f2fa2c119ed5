/** An operation as vectors write it: a name, then numbers as the system call takes them. */
export interface Words {
  readonly name: string;
  /** Of 64 bits each; what is a name instead, as of a limit, is 0. */
  readonly words: readonly bigint[];
}

const NUMBER = /^(-?)(0x[\da-f]+|\d+)$/iu;

/** Reads an operation. */
export function readOperation(text: string): Words {
  const [name = '', ...rest] = text.split(' ');
  return { name, words: rest.map((word) => wordOf(word)) };
}

function wordOf(text: string): bigint {
  const [, minus = '', digits = '0'] = NUMBER.exec(text) ?? [];
  return BigInt.asUintN(64, minus === '' ? BigInt(digits) : -BigInt(digits));
}
