import type { Address } from 'viem';
import { asAssayError } from '#core/protocol';
import type { Chain } from '#io/chain';
import type { Clock, Logger } from '#platform';

export interface SeatParts {
  readonly address: Address;
  readonly chain: Pick<Chain, 'checks' | 'vault'>;
  readonly onSeat: (seated: boolean) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

const LOOK_MS = 30_000;

/** Keeps a seat for paid checks: takes one that is free, as long as the stake suffices. Ends with its signal. */
export async function keepSeat(parts: SeatParts): Promise<void> {
  let said = '';
  while (!parts.signal.aborted) {
    const lack = await lookForSeat(parts).catch((error: unknown) => asAssayError(error).message);
    if (lack && lack !== said) parts.log.warn({ event: 'seat.none', reason: lack }, 'no seat for paid checks; claims are checked for bounties only');
    said = lack ?? '';
    await parts.clock.sleep(LOOK_MS, parts.signal);
  }
}

/** What it lacks for a seat; undefined if it has one. */
async function lookForSeat({ address, chain, onSeat, log }: SeatParts): Promise<string | undefined> {
  const seated = (await chain.checks.seatedAt(address)) > 0n;
  onSeat(seated);
  if (seated) return undefined;
  const [{ there, taken, stakeNeeded }, { amount: stake }] = await Promise.all([chain.checks.seats(), chain.vault.stakeOf(address)]);
  if (taken >= there) return `all ${there} seats are taken`;
  if (stake < stakeNeeded) return `a seat needs a stake of ${stakeNeeded}, this account has ${stake}`;
  const { hash, block } = await chain.checks.takeSeat();
  onSeat(true);
  log.info({ event: 'seat.taken', stake, block, txHash: hash }, 'took a seat for paid checks');
  return undefined;
}
