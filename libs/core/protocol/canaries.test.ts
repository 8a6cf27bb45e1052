import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canaryBond, exposureLimit, exposureOf, SAMPLE_RATE_ONE } from './index.js';

const UNIT = 10n ** 18n;
const SEATS = 2;

/** Whole numbers in parts of 2^32, so that nothing is rounded: (1 − p)·(gain − bond) − p·bounty. */
function underCover({ gain, bond, bounty, p }: { gain: bigint; bond: bigint; bounty: bigint; p: bigint }): bigint {
  return (SAMPLE_RATE_ONE - p) * (gain - bond) - p * bounty;
}

it('a lie under cover of a canary pays nothing, whatever the exposure rule lets a stake insure and however likely it is found', () => {
  const share = (most: bigint) => fc.bigInt({ min: 0n, max: most });
  fc.assert(
    fc.property(share(100_000n * UNIT), fc.bigInt({ min: SAMPLE_RATE_ONE / 100n, max: SAMPLE_RATE_ONE }), share(SAMPLE_RATE_ONE), fc.integer({ min: 0, max: 5_000 }), share(100n * UNIT), share(UNIT), (stake, sampleRate, found, bountyBps, bounty, fee) => {
      const limit = exposureLimit(stake, sampleRate, bountyBps);
      const room = limit - exposureOf({ fee, insuredValue: 0n }, sampleRate);
      if (room < 0n) return;
      const bond = canaryBond(stake, { sampleRate, bountyBps, seats: SEATS, bounty });
      expect(underCover({ gain: room + fee, bond, bounty, p: found })).toBeLessThanOrEqual(0n);
      // Without the limit in the bond it would: the bounties alone are no price for a lie that is not found.
      if (found < SAMPLE_RATE_ONE && limit > 6n * bounty) expect(underCover({ gain: limit, bond: BigInt(SEATS + 1) * bounty, bounty: 0n, p: found })).toBeGreaterThan(0n);
    }),
  );
});
