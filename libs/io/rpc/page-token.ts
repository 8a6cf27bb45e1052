import { z } from 'zod';
import { AssayError } from '#core/protocol';

/**
 * A page token says where the next page begins: the sort key of the last entry, as text that means nothing to a caller.
 * WHY keys and no offsets: entries that come or go meanwhile neither repeat nor hide others.
 */
export function encodePageToken(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** undefined for the first page. @throws AssayError MESSAGE_MALFORMED if this coordinator never made such a token */
export function decodePageToken<S extends z.ZodType>(token: string, schema: S): z.output<S> | undefined {
  if (token === '') return undefined;
  const parsed = schema.safeParse(fromJson(Buffer.from(token, 'base64url').toString()));
  if (parsed.success) return parsed.data;
  throw new AssayError({ code: 'MESSAGE_MALFORMED', message: 'page_token is none of this list', facts: { field: 'page_token' }, remedy: 'Use next_page_token of the page before, with the same filters.' });
}

/** Of `limit` + 1 entries asked for, the page and the token of the next one. */
export function pageOf<T>(found: readonly T[], limit: number, keyOf: (item: T) => readonly (string | number)[]): { readonly items: readonly T[]; readonly nextPageToken: string } {
  const items = found.slice(0, limit);
  return { items, nextPageToken: found.length > limit ? encodePageToken(keyOf(items.at(-1)!)) : '' };
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
