import { AssayError } from '#core/protocol';

interface Bucket {
  tokens: number;
  at: number;
}

export interface RateOptions {
  readonly perSecond: number;
  /** Milliseconds that do not jump. */
  readonly millis: () => number;
}

const MAX_KEYS = 10_000;
/** Calls saved up while a caller is quiet, in seconds' worth. */
const BURST_SECONDS = 2;

/** So many calls a second for each key, with a burst; a bounded number of keys, the one unheard of for longest is forgotten. */
export class RateLimit {
  private readonly buckets = new Map<string, Bucket>();

  constructor(private readonly options: RateOptions) {}

  /** @throws AssayError RATE_LIMITED with what to wait */
  take(key: string): void {
    const { perSecond } = this.options;
    const bucket = this.refilled(key);
    if (bucket.tokens < 1) {
      const retryAfterMs = Math.ceil(((1 - bucket.tokens) / perSecond) * 1000);
      throw new AssayError({ code: 'RATE_LIMITED', facts: { caller: key, perSecond, retryAfterMs } });
    }
    bucket.tokens--;
  }

  private refilled(key: string): Bucket {
    const { perSecond, millis } = this.options;
    const now = millis();
    const full = perSecond * BURST_SECONDS;
    const known = this.buckets.get(key) ?? { tokens: full, at: now };
    const bucket = { tokens: Math.min(full, known.tokens + ((now - known.at) / 1000) * perSecond), at: now };
    this.buckets.delete(key);
    this.buckets.set(key, bucket);
    if (this.buckets.size > MAX_KEYS) this.buckets.delete(this.buckets.keys().next().value!);
    return bucket;
  }
}
