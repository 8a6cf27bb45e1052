import { hexToBytes } from 'viem';
import { DTYPES, MAX_ELEMENTS, MAX_RANK, type Root } from '#core/hashing';
import { require } from './refusal.js';

const CHUNK = 32;

export interface Layout {
  readonly elements: bigint;
  /** Bytes of one element. */
  readonly size: number;
  readonly lanes: number;
  readonly chunks: number;
}

/**
 * What a header as a player claims it says about its tensor. Unlike decodeHeader it takes bytes outside the fields,
 * as the contract does: a header that differs from the descriptor's is a fault to prove, not a refusal.
 */
export function layoutOf(header: Root): Layout {
  const bytes = hexToBytes(header);
  const view = new DataView(bytes.buffer);
  const size = Object.values(DTYPES).find((d) => d.code === bytes[0])?.size;
  require(size !== undefined && bytes[1]! <= MAX_RANK, 'BadHeader');
  let elements = 1n;
  for (let i = 0; i < bytes[1]!; i++) elements *= BigInt(view.getUint32(2 + 4 * i));
  require(elements <= BigInt(MAX_ELEMENTS), 'BadHeader');
  const chunks = Math.max(1, Number((elements * BigInt(size) + BigInt(CHUNK - 1)) / BigInt(CHUNK)));
  return { elements, size, lanes: CHUNK / size, chunks };
}

/** The little-endian element at `lane` of a chunk as a word, zero-extended. */
export function chunkWord(chunk: Root, lane: number, size: number): bigint {
  const bytes = hexToBytes(chunk).subarray(lane * size, lane * size + size);
  return bytes.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
}
