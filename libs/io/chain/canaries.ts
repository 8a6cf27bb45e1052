import { isAddressEqual, zeroAddress, type Address } from 'viem';
import type { Root } from '#core/hashing';
import type { CanaryFinding } from './calls.js';
import type { Chain } from './connection.js';
import { canariesAbi, checksAbi, disputesAbi } from './generated/abis.js';
import type { BlockRange } from './logs.js';

const SETTLED = 1n;

/** Everything since the deployment that `read` finds, oldest first. */
async function everything<T>(chain: Chain, read: (range: { fromBlock: bigint; toBlock: bigint }) => Promise<readonly T[]>): Promise<T[]> {
  const piece = ({ from, to }: BlockRange) => read({ fromBlock: from, toBlock: to });
  return chain.logs.all(piece, { from: BigInt(chain.deployment.deployedBlock), to: await chain.blockNumber() });
}

/** What the opening of a canary left; undefined for one that is not opened. */
export async function findingOf(chain: Chain, id: Root): Promise<CanaryFinding | undefined> {
  const { client, deployment } = chain;
  const logs = await everything(chain, (range) => client.getContractEvents({ address: deployment.canaries, abi: canariesAbi, eventName: 'CanaryOpened', args: { id }, strict: true, ...range }));
  return logs.at(-1)?.args.finding;
}

/** The first challenger with a game over a claim that is not settled; zero for none. */
export async function finderOf(chain: Chain, claim: Root): Promise<Address> {
  const { client, deployment, disputes } = chain;
  const logs = await everything(chain, (range) => client.getContractEvents({ address: deployment.disputes, abi: disputesAbi, eventName: 'Opened', args: { claim }, strict: true, ...range }));
  for (const { args } of logs) if (BigInt(await disputes.stateOf(args.gameId)) > SETTLED) return args.challenger;
  return zeroAddress;
}

/** Everybody that ever had a seat for paid checks. */
export async function everSeated(chain: Chain): Promise<Address[]> {
  const { client, deployment } = chain;
  const logs = await everything(chain, (range) => client.getContractEvents({ address: deployment.checks, abi: checksAbi, eventName: 'Seated', strict: true, ...range }));
  return logs.map(({ args }) => args.checker).filter((checker, i, all) => all.findIndex((other) => isAddressEqual(other, checker)) === i);
}

/** What a checker found of the canaries it was measured by. */
export interface DetectionRate {
  readonly checker: Address;
  /** Whether it has a seat now. */
  readonly seated: boolean;
  readonly drawn: number;
  readonly found: number;
  /** found / drawn; null for a checker that no canary has measured. */
  readonly rate: number | null;
}

/** The rates of everybody that ever had a seat. */
export async function detectionRates(chain: Chain): Promise<DetectionRate[]> {
  return Promise.all(
    (await everSeated(chain)).map(async (checker) => {
      const [{ drawn, found }, since] = await Promise.all([chain.canaries.detectionOf(checker), chain.checks.seatedAt(checker)]);
      return { checker, seated: since > 0n, drawn, found, rate: drawn === 0 ? null : found / drawn };
    }),
  );
}
