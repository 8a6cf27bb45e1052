import { existsSync, writeFileSync } from 'node:fs';
import { connectChain, deployContracts, LOCAL_PARAMETERS, readDeployment, type Deployment, type NetworkParameters } from '#io/chain';
import type { NetworkFolder } from './folder.js';
import type { LocalKeys } from './keys.js';
import type { Member } from './members.js';

/** Where a local network's contracts differ from LOCAL_PARAMETERS. */
export interface LocalRules {
  readonly unbondingDelay?: bigint;
  readonly batches?: Partial<NetworkParameters['batches']>;
  readonly disputes?: Partial<NetworkParameters['disputes']>;
  readonly checks?: Partial<NetworkParameters['checks']>;
}

const UNIT = 10n ** 18n;
/** What each account starts with in the vault: balance for fees and bonds, stake for executors' claims. */
const STARTING = { submitter: 1_000n * UNIT, gateway: 1_000n * UNIT, challenger: 100n * UNIT, executor: 0n, coordinator: 0n, stake: 1_000n * UNIT } as const;

export interface LedgerOptions {
  readonly folder: NetworkFolder;
  readonly keys: LocalKeys;
  readonly rpcUrl: string;
  readonly members: readonly Member[];
  readonly rules: LocalRules;
  /** Fund the gateway's account too. */
  readonly gateway: boolean;
  /** Give challengers the stake of a seat for paid checks. */
  readonly seats?: boolean;
}

/** Deploys the contracts once per folder, and gives every account that has nothing yet its starting money. */
export async function prepareLedger(options: LedgerOptions): Promise<Deployment> {
  const { folder, keys, rpcUrl, members, gateway, seats = false } = options;
  if (!existsSync(folder.deployment)) writeFileSync(folder.deployment, `${JSON.stringify(await deploy(options), null, 2)}\n`);
  const deployment = await readDeployment(folder.deployment);
  const accounts = [{ name: 'submitter', role: 'submitter' as const }, ...(gateway ? [{ name: 'gateway', role: 'gateway' as const }] : []), ...members];
  await Promise.all(
    accounts.map(async ({ name, role }) => {
      const chain = await connectChain({ rpcUrl, deployment, privateKey: keys.privateKey(name), pollMs: 25 });
      const seat = role === 'challenger' && seats ? (await chain.checks.seats()).stakeNeeded : 0n;
      await fund(chain, STARTING[role], role === 'executor' ? STARTING.stake : seat);
    }),
  );
  return deployment;
}

function deploy({ keys, rpcUrl, rules }: LedgerOptions): Promise<Deployment> {
  const parameters: NetworkParameters = {
    unbondingDelay: rules.unbondingDelay ?? LOCAL_PARAMETERS.unbondingDelay,
    batches: { ...LOCAL_PARAMETERS.batches, ...rules.batches },
    disputes: { ...LOCAL_PARAMETERS.disputes, ...rules.disputes },
    timelock: LOCAL_PARAMETERS.timelock,
    checks: { ...LOCAL_PARAMETERS.checks, ...rules.checks },
    // As long as the window, as at the usual parameters: who checks looks at openings when its window is over.
    canaries: { ...LOCAL_PARAMETERS.canaries, trial: rules.batches?.challengeWindow ?? LOCAL_PARAMETERS.canaries.trial },
  };
  return deployContracts({ rpcUrl, privateKey: keys.privateKey('deployer'), parameters, coordinators: [keys.account('coordinator').address] });
}

/** WHY: an account that ever had tokens is left alone, or a resumed network would refill a slashed stake. */
async function fund(chain: Awaited<ReturnType<typeof connectChain>>, balance: bigint, stake: bigint): Promise<void> {
  const account = chain.account!;
  if (balance + stake === 0n || (await chain.client.getTransactionCount({ address: account })) > 0) return;
  await chain.token.mint(account, balance + stake);
  await chain.vault.deposit(account, balance + stake);
  if (stake > 0n) await chain.vault.stake(stake);
}
