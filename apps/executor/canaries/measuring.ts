import { isAddressEqual } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { everSeated, type CanaryFinding, type Chain } from '#io/chain';
import type { Logger } from '#platform';

/** Reverts that say there is nothing to measure a checker by, now and later. */
const NEVER: ReadonlySet<string> = new Set(['NotMeasurable', 'AlreadyMeasured']);

/**
 * Measures every checker that had a seat by an opened canary. Once the trial is over it never has to be called twice: who was not drawn,
 * or was excused, stays so.
 * @returns false if something has to wait, and it is to be called again
 */
export async function measureCheckers(chain: Chain, { id, finding, log }: { id: Root; finding: CanaryFinding; log: Logger }): Promise<boolean> {
  const batch = await chain.batches.batch(finding.batchId);
  const revealed = await chain.checks.revealed(finding.batchId, batch);
  let done = true;
  for (const checker of await everSeated(chain)) {
    if (await chain.canaries.measured(id, checker)) continue;
    try {
      const evidence = revealed.find((one) => isAddressEqual(one.checker, checker))?.evidence ?? [];
      await chain.canaries.measure(id, finding, { batch, checker, evidence });
      log.info({ event: 'canary.measured', canary: id, checker, ...(await chain.canaries.detectionOf(checker)) }, 'checker measured');
    } catch (error) {
      if (!(error instanceof AssayError && NEVER.has(String(error.facts['error'])))) done = false;
    }
  }
  return done;
}
