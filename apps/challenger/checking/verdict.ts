import type { Root } from '#core/hashing';
import type { Failure } from '#core/protocol';

/**
 * What a check found. Unknown is not wrong: nothing is opened on it.
 * `computed` is the output root that this machine got, twice.
 */
export type Verdict = { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly computed: Root } | { readonly kind: 'unknown'; readonly reason: Failure };
