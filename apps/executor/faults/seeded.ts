import { concatHex, keccak256, numberToHex } from 'viem';
import type { Root } from '#core/hashing';

/** Numbers that follow from a seed alone, so that a lie can be told again after a restart. */
export class SeededChoice {
  private drawn = 0;

  constructor(private readonly seed: Root) {}

  /** A whole number below `limit`, which is at least 1. */
  below(limit: number): number {
    const digest = keccak256(concatHex([this.seed, numberToHex(this.drawn++, { size: 32 })]));
    return Number(BigInt(digest) % BigInt(limit));
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}
