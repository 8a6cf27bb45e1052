import { keccak256, stringToHex } from 'viem';
import { z } from 'zod';
import { AssayError } from '#core/protocol';

/**
 * A list that is read in pages. A page token says which list and filters it is of, and where the next page begins: the sort key of the last
 * entry, as text that means nothing to a caller.
 * WHY keys and no offsets: entries that come or go meanwhile neither repeat nor hide others.
 */
export class Pages<S extends z.ZodType> {
  private readonly tag: string;

  /** @param list its name and its filters. @param key how its entries are sorted, as JSON has it */
  constructor(
    list: readonly unknown[],
    private readonly key: S,
  ) {
    this.tag = keccak256(stringToHex(JSON.stringify(list))).slice(2, 18);
  }

  /** The key behind which the page begins; undefined for the first. @throws AssayError MESSAGE_MALFORMED if no page of this list ended in such a token */
  after(token: string): z.output<S> | undefined {
    if (token === '') return undefined;
    const parsed = z.tuple([z.literal(this.tag), this.key]).safeParse(fromJson(Buffer.from(token, 'base64url').toString()));
    if (parsed.success) return parsed.data[1] as z.output<S>;
    throw new AssayError({ code: 'MESSAGE_MALFORMED', message: 'page_token is none of this list', facts: { field: 'page_token' }, remedy: 'Use next_page_token of the page before, with the same filters.' });
  }

  /** Of `limit` + 1 entries asked for, the page and the token of the next one. */
  page<T>(found: readonly T[], limit: number, keyOf: (item: T) => readonly (string | number)[]): { readonly items: readonly T[]; readonly nextPageToken: string } {
    const items = found.slice(0, limit);
    return { items, nextPageToken: found.length > limit ? Buffer.from(JSON.stringify([this.tag, keyOf(items.at(-1)!)])).toString('base64url') : '' };
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
