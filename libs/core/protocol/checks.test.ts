import { keccak256, numberToHex } from 'viem';
import { describe, expect, it } from 'vitest';
import { checkWindow, evidenceClaim, evidenceCommitment, evidenceOrder, isDrawnForClaim, nextCheckStep, SAMPLE_RATE_ONE, type CheckProgress, type Claim } from './index.js';

const root = (n: number) => keccak256(numberToHex(n));
const [anna, bela] = ['0x00000000000000000000000000000000000000a1', '0x00000000000000000000000000000000000000b1'] as const;
const evidence = [{ claim: root(1), outputRoot: root(2), traceRoot: root(3) }];
const salt = root(9);

it('draws nobody at rate 0, everybody at rate 1, half at a half, each checker other claims', () => {
  const draws = (who: typeof anna | typeof bela, rate: bigint) => Array.from({ length: 400 }, (_, i) => isDrawnForClaim(root(0), who, { claim: root(i), rate }));
  const share = (drawn: boolean[]) => drawn.filter(Boolean).length / drawn.length;
  expect([share(draws(anna, 0n)), share(draws(anna, SAMPLE_RATE_ONE))]).toEqual([0, 1]);
  expect(Math.abs(share(draws(anna, SAMPLE_RATE_ONE / 2n)) - 0.5)).toBeLessThan(0.08);
  expect(draws(anna, SAMPLE_RATE_ONE / 2n)).not.toEqual(draws(bela, SAMPLE_RATE_ONE / 2n));
});

it('a commitment is to one evidence of one checker for one batch', () => {
  const given = { batchId: 7n, checker: anna, evidence, salt };
  const others = [{ ...given, batchId: 8n }, { ...given, checker: bela }, { ...given, salt: root(8) }, { ...given, evidence: [{ ...evidence[0]!, traceRoot: root(4) }] }];
  expect(new Set([given, ...others].map(evidenceCommitment)).size).toBe(5);
});

it('entries go by ascending digest; the claim accused is the checker’s own, worth nothing', () => {
  const entries = Array.from({ length: 20 }, (_, i) => ({ claim: root(i) }));
  const digests = evidenceOrder(entries).map(({ claim }) => BigInt(claim));
  expect(digests.every((digest, i) => i === 0 || digest > digests[i - 1]!)).toBe(true);
  const claim: Claim = { jobId: root(1), modelId: root(2), inputRoot: root(3), outputRoot: root(4), executor: anna, coordinator: anna, fee: 5n, insuredValue: 6n };
  expect(evidenceClaim(claim, { checker: bela, outputRoot: root(5) })).toEqual({ ...claim, executor: bela, outputRoot: root(5), fee: 0n, insuredValue: 0n });
});

describe('the next step', () => {
  const window = checkWindow(1_000n, 80n);
  const none: CheckProgress = { frozen: false, entries: 0, onChain: 'nothing', paid: false, compared: false };
  const frozen: CheckProgress = { ...none, frozen: true, entries: 2 };
  const step = (progress: Partial<CheckProgress>, now: bigint) => nextCheckStep({ ...none, ...progress }, window, now);

  it('freezes in time what there is, commits once, in the first half only', () => {
    expect(window).toEqual({ freezeAt: 1_030n, commitUntil: 1_040n, revealUntil: 1_080n, giveUpAt: 2_280n });
    expect(step({}, 1_001n)).toEqual({ kind: 'wait', until: 1_030n });
    expect(step({}, 1_030n)).toEqual({ kind: 'freeze' });
    expect(step(frozen, 1_001n)).toEqual({ kind: 'commit' });
    expect(step(frozen, 1_040n)).toEqual({ kind: 'commit' });
    expect(step(frozen, 1_041n)).toEqual({ kind: 'wait', until: 1_081n });
    expect(step({ ...frozen, entries: 0 }, 1_001n)).toEqual({ kind: 'wait', until: 1_041n });
    expect(step({ ...frozen, onChain: 'commitment' }, 1_001n)).toEqual({ kind: 'wait', until: 1_041n });
  });

  it('reveals in the second half only, and only what was committed to', () => {
    expect(step({ ...frozen, onChain: 'commitment' }, 1_040n).kind).toBe('wait');
    expect(step({ ...frozen, onChain: 'commitment' }, 1_041n)).toEqual({ kind: 'reveal' });
    expect(step({ ...frozen, onChain: 'commitment' }, 1_080n)).toEqual({ kind: 'reveal' });
    expect(step({ ...frozen, onChain: 'foreign' }, 1_050n)).toEqual({ kind: 'wait', until: 1_081n });
    expect(step({ ...frozen, onChain: 'revealed' }, 1_050n)).toEqual({ kind: 'wait', until: 1_081n });
  });

  it('afterwards looks at what others revealed, then collects, once, also after an outage, and gives up in the end', () => {
    const revealed: CheckProgress = { ...frozen, onChain: 'revealed' };
    expect(step(revealed, 1_081n)).toEqual({ kind: 'compare' });
    expect(step({ ...revealed, compared: true }, 1_081n)).toEqual({ kind: 'collect' });
    expect(step({ ...revealed, compared: true, paid: true }, 1_081n)).toEqual({ kind: 'over' });
    expect(step({ compared: true }, 1_081n)).toEqual({ kind: 'over' });
    expect(step({ ...revealed, compared: true }, 2_280n)).toEqual({ kind: 'collect' });
    expect(step(revealed, 2_281n)).toEqual({ kind: 'over' });
  });
});
