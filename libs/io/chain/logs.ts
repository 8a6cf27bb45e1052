import { isTooLargeQuery } from './endpoints.js';
import { chainError } from './revert.js';

export interface BlockRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** Reads over any number of blocks, newest first, in pieces as large as the endpoint takes, and remembers how large that is. */
export class LogReader {
  /** More blocks than any chain has: the first query asks for everything at once. */
  private piece = 2n ** 40n;

  /**
   * @param read what to ask of a piece, both ends included; repeated with half as many blocks where the endpoint refuses so many
   * @throws AssayError CHAIN_UNREACHABLE, or ENDPOINT_FAILED if the endpoint answered with an error of its own
   */
  async *pieces<T>(read: (piece: BlockRange) => Promise<readonly T[]>, { from, to }: BlockRange): AsyncGenerator<readonly T[], void, void> {
    for (let end = to; end >= from; ) {
      const start = end - from + 1n > this.piece ? end - this.piece + 1n : from;
      const found = await read({ from: start, to: end }).catch((error: unknown) => {
        if (!isTooLargeQuery(error) || start === end) throw chainError(error, 'eth_getLogs');
        this.piece = (end - start + 1n) / 2n;
        return undefined;
      });
      if (!found) continue;
      yield found;
      end = start - 1n;
    }
  }

  /** Everything in a range, oldest first. */
  async all<T>(read: (piece: BlockRange) => Promise<readonly T[]>, range: BlockRange): Promise<T[]> {
    const pieces: (readonly T[])[] = [];
    for await (const piece of this.pieces(read, range)) pieces.push(piece);
    return pieces.reverse().flat();
  }
}
