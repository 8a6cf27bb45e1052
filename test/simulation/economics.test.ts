import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bondFor, coordinatorLimit, exposureLimit, exposureOf, forfeitFor, lostBond, stakeFor } from '#core/protocol';
import { PROJECT_ROOT, seededRandom } from '#testing';
import { liveRules, misfits, rowsOf, simulate } from '../../bench/strategies.js';

const random = seededRandom(Number(process.env['TEST_SEED'] ?? 7));
const amount = () => BigInt(Math.floor(random.next() * 1e9)) * 10n ** 12n;
const rate = () => BigInt(Math.floor((0.01 + 0.99 * random.next()) * 2 ** 32));

describe('the exposure rule', () => {
  it('leaves no set of false claims an expected gain, not even one that plays and insures for itself', () => {
    for (let i = 0; i < 1_000; i++) {
      const [p, bountyBps] = [rate(), random.between(0, 5_001)];
      const [others, own, fees] = [amount(), amount(), amount()];
      const stake = stakeFor(exposureOf({ fee: fees, insuredValue: others + own }, p), p, bountyBps);
      const { forBounties } = forfeitFor(stake, { fee: 0n, insuredValue: 0n }, { penalty: 0n, bountyBps });
      const one = 2n ** 32n;
      // Found with probability p: the stake is gone but for what bounties and its own insured value bring back; the work is saved either way.
      const gain = (one - p) * others + one * fees - p * (stake - forBounties - own);
      expect(gain, `seed ${random.seed}, case ${i}`).toBeLessThanOrEqual(one);
    }
  });

  it('leaves a coordinator that withholds no expected gain either, whatever of its bond it contests and insures for itself', () => {
    for (let i = 0; i < 1_000; i++) {
      const p = rate();
      const [others, own, fees] = [amount(), amount(), amount()];
      const bond = bondFor(exposureOf({ fee: fees, insuredValue: others + own }, p), p);
      const { lost } = lostBond({ bond, contested: (bond * BigInt(random.between(0, 101))) / 200n });
      const one = 2n ** 32n;
      const gain = (one - p) * others + one * fees - p * (lost - own);
      expect(gain, `seed ${random.seed}, case ${i}`).toBeLessThanOrEqual(one);
      expect(coordinatorLimit(bond, p)).toBeGreaterThanOrEqual(exposureOf({ fee: fees, insuredValue: others + own }, p));
    }
  });

  it('has a least stake: one unit less is not enough', () => {
    for (let i = 0; i < 1_000; i++) {
      const [p, bountyBps, exposure] = [rate(), random.between(0, 5_001), amount() + 1n];
      const stake = stakeFor(exposure, p, bountyBps);
      expect(exposureLimit(stake, p, bountyBps)).toBeGreaterThanOrEqual(exposure);
      expect(exposureLimit(stake - 1n, p, bountyBps)).toBeLessThan(exposure);
    }
  });
});

describe('the strategies', () => {
  it.each([1, 42, 2026])('pay if honest, and only then (seed %i)', (seed) => {
    expect(misfits(simulate(liveRules(), { seed, jobs: 20_000 }))).toEqual([]);
  });

  it('come out the same for the same seed, as docs/economics.md says', () => {
    const rows = rowsOf(simulate(liveRules(), { seed: 42, jobs: 100_000 }));
    expect(rowsOf(simulate(liveRules(), { seed: 42, jobs: 100_000 }))).toEqual(rows);
    expect(readFileSync(join(PROJECT_ROOT, 'docs/economics.md'), 'utf8')).toContain(`<!-- simulation -->\n\`\`\`\n${rows.join('\n')}\n\`\`\`\n<!-- /simulation -->`);
  });

  it('lose less by playing themselves, and still lose', () => {
    const strategies = simulate(liveRules(), { seed: 42, jobs: 20_000 });
    const profit = (name: string) => strategies.find((one) => one.name === name)!.expectedProfit;
    expect(profit('colluding executor and challenger')).toBeGreaterThan(profit('targeted cheater'));
    expect(profit('colluding executor and challenger')).toBeLessThan(0);
  });
});
