import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseExecutor, type Candidate } from './executor-choice.js';

const PROFILE = `0x${'01'.repeat(32)}` as const;
const OTHER = `0x${'02'.repeat(32)}` as const;
const MODEL = `0x${'03'.repeat(32)}` as const;
const wanted = { modelId: MODEL, profile: PROFILE, cost: 10n, excluded: [] };

function candidate(change: Partial<Candidate> & { address: string }): Candidate {
  return { profile: PROFILE, models: [], capacity: 2, busy: 0, cover: 100n, ...change };
}

const someCandidate = fc
  .record({ address: fc.nat(1_000_000), busy: fc.nat(4), capacity: fc.integer({ min: 1, max: 4 }), cover: fc.bigInt(-1n, 20n), other: fc.boolean(), loaded: fc.boolean() })
  .map(({ address, other, loaded, ...rest }) => candidate({ address: String(address), ...rest, profile: other ? OTHER : PROFILE, models: loaded ? [MODEL] : [] }));
const several = fc.uniqueArray(someCandidate, { selector: (c) => c.address, maxLength: 12 });

describe('the choice of an executor', () => {
  it('is never one that cannot take the job, and is somebody if anybody can', () => {
    fc.assert(
      fc.property(several, (candidates) => {
        const able = candidates.filter((c) => c.profile === PROFILE && c.busy < c.capacity && c.cover >= 10n);
        const chosen = chooseExecutor(candidates, wanted);
        expect(chosen === undefined).toBe(able.length === 0);
        if (chosen) expect(able).toContain(chosen);
      }),
    );
  });

  it('does not depend on the order in which executors are known', () => {
    fc.assert(fc.property(several, (candidates) => chooseExecutor(candidates, wanted)?.address === chooseExecutor([...candidates].reverse(), wanted)?.address));
  });

  it('prefers the less loaded, then one with the model, then the one with more stake', () => {
    const pick = (...candidates: Candidate[]) => chooseExecutor(candidates, wanted)?.address;
    expect(pick(candidate({ address: 'a', busy: 1, models: [MODEL] }), candidate({ address: 'b' }))).toBe('b');
    expect(pick(candidate({ address: 'a', cover: 500n }), candidate({ address: 'b', models: [MODEL] }))).toBe('b');
    expect(pick(candidate({ address: 'a' }), candidate({ address: 'b', cover: 500n }))).toBe('b');
  });

  it('leaves out who had the job, and who has no stake even for a job for nothing', () => {
    expect(chooseExecutor([candidate({ address: 'a' })], { ...wanted, excluded: ['a'] })).toBeUndefined();
    expect(chooseExecutor([candidate({ address: 'a', cover: -1n })], { ...wanted, cost: 0n })).toBeUndefined();
  });
});
