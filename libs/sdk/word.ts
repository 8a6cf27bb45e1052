import type { Dtype } from '#core/hashing';

/** A word of a trace as people read it: its bits, and the number they mean. */
export interface Reading {
  readonly hex: string;
  /** Decimal text; "NaN", "Infinity" and so on for such floats. */
  readonly decimal: string;
}

export function readWord(word: bigint, dtype: Dtype): Reading {
  switch (dtype) {
    case 'float32':
      return { hex: hex(word, 8), decimal: floatText(word) };
    case 'int32':
      return { hex: hex(word, 8), decimal: BigInt.asIntN(32, word).toString() };
    case 'int8':
      return { hex: hex(word, 2), decimal: BigInt.asIntN(8, word).toString() };
    case 'int64':
      return { hex: hex(word, 16), decimal: BigInt.asIntN(64, word).toString() };
    case 'uint8':
    case 'bool':
      return { hex: hex(word, 2), decimal: word.toString() };
  }
}

/** A state of a chain of micro-steps: a plain word, or a running total in the low half and a running block in the high half. */
export function readState(state: bigint, dtype: Dtype): Reading & { readonly block?: Reading } {
  if (dtype !== 'float32' || state >> 32n === 0n) return readWord(state, dtype);
  return { ...readWord(state & 0xffffffffn, 'float32'), hex: hex(state, 16), block: readWord(state >> 32n, 'float32') };
}

function hex(word: bigint, digits: number): string {
  return `0x${word.toString(16).padStart(digits, '0')}`;
}

function floatText(word: bigint): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, Number(word & 0xffffffffn));
  const value = view.getFloat32(0);
  // WHY: nine significant digits tell every float32 apart.
  return Object.is(value, -0) ? '-0' : Number(value.toPrecision(9)).toString();
}
