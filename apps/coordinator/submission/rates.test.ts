import { describe, expect, it } from 'vitest';
import { RateLimit } from './rates.js';

describe('a rate limit', () => {
  it('lets a burst through, then so many a second, and says how long to wait', () => {
    let now = 0;
    const limit = new RateLimit({ perSecond: 10, millis: () => now });
    for (let i = 0; i < 20; i++) limit.take('a');
    expect(() => limit.take('a')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED', facts: { caller: 'a', perSecond: 10, retryAfterMs: 100 } }));
    limit.take('b');
    now = 100;
    limit.take('a');
    expect(() => limit.take('a')).toThrow();
  });

  it('remembers a bounded number of callers', () => {
    const limit = new RateLimit({ perSecond: 1, millis: () => 0 });
    limit.take('first');
    limit.take('first');
    expect(() => limit.take('first')).toThrow();
    for (let i = 0; i < 10_000; i++) limit.take(`caller ${i}`);
    limit.take('first');
  });
});
