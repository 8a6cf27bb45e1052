import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPublicClient, createWalletClient, defineChain, getAbiItem, getContractAddress, http, isAddressEqual, toFunctionSelector, type Abi, type AbiFunction, type Address, type ContractFunctionArgs, type ContractFunctionName, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { AssayError } from '#core/protocol';
import type { Deployment } from './deployment.js';
import { authorityAbi, batchesAbi, vaultAbi } from './generated/abis.js';
import { tokenAbi } from './token.js';
import { chainError } from './revert.js';

/** Chain id of anvil, whose blocks come at once. */
export const LOCAL_CHAIN_ID = 31337;

/** Everything the contracts are constructed with. Amounts in the token's smallest unit, times in seconds. */
export interface NetworkParameters {
  /** Longer than challengeWindow and the longest dispute together: stake that is leaving can still be slashed. */
  readonly unbondingDelay: bigint;
  /** Seconds between the announcement of new terms and the earliest time they can be set. */
  readonly timelock: bigint;
  readonly batches: {
    readonly challengeWindow: bigint;
    /** Blocks after a batch whose prevrandao is its beacon. */
    readonly beaconDelay: bigint;
    /** Share of jobs each challenger re-runs, in parts of 2^32. */
    readonly sampleRate: bigint;
    /** Shares of the fees in basis points; the rest is the executors'. */
    readonly poolBps: number;
    readonly protocolBps: number;
    /** Bond of a coordinator, in millionths of a token. */
    readonly coordinatorBond: bigint;
  };
  readonly disputes: {
    readonly bond: bigint;
    readonly penalty: bigint;
    /** Challenger's share of the penalty, in basis points. */
    readonly bountyBps: number;
    readonly clock: number;
    readonly extension: number;
    readonly payoutDelay: number;
    /** Seconds for which the guardian can hold settlements up, in all. */
    readonly pauseLimit: number;
  };
  readonly checks: {
    /** What a checker with a seat has staked. */
    readonly stake: bigint;
    /** So many are paid for their share of the checks. */
    readonly seats: number;
  };
  readonly canaries: {
    /** What finding one pays, out of its bond. */
    readonly bounty: bigint;
    /** What missing one costs a checker; at most the bond of a request for data, which excuses it. */
    readonly penalty: bigint;
    /** Seconds from planting in which it is opened or withdrawn. */
    readonly life: bigint;
    /** Seconds in which what an opening says can be disputed. */
    readonly trial: bigint;
  };
}

const UNIT = 10n ** 18n;
const MICRO = 10n ** 6n;
const SHARES = { poolBps: 1_000, protocolBps: 200 } as const;
/** What a coordinator registered at deployment advances, in millionths of a token. */
const STARTING_FLOAT = 100n * MICRO;

/** Short enough to watch; the test token has 18 decimals. */
export const LOCAL_PARAMETERS: NetworkParameters = {
  unbondingDelay: 1_800n,
  timelock: 0n,
  batches: { challengeWindow: 20n, beaconDelay: 1n, sampleRate: 2n ** 31n, ...SHARES, coordinatorBond: 10_000n * MICRO },
  disputes: { bond: 5n * UNIT, penalty: 20n * UNIT, bountyBps: 5_000, clock: 120, extension: 60, payoutDelay: 2, pauseLimit: 120 },
  checks: { stake: 100n * UNIT, seats: 2 },
  canaries: { bounty: 2n * UNIT, penalty: 5n * UNIT, life: 600n, trial: 20n },
};

/**
 * A starting point for a live chain with a token of 18 decimals near the dollar: a day to challenge, six hours of clock,
 * an hour for any one move, a day between verdict and payout. Bond and penalty stand for about 20 moves' gas with margin;
 * measure them on the chain at hand.
 */
export const LIVE_PARAMETERS: NetworkParameters = {
  unbondingDelay: 14n * 86_400n,
  timelock: 2n * 86_400n,
  batches: { challengeWindow: 86_400n, beaconDelay: 4n, sampleRate: 2n ** 32n / 10n, ...SHARES, poolBps: 1_500, coordinatorBond: 100_000n * MICRO },
  disputes: { bond: 100n * UNIT, penalty: 400n * UNIT, bountyBps: 5_000, clock: 6 * 3_600, extension: 3_600, payoutDelay: 86_400, pauseLimit: 7 * 86_400 },
  checks: { stake: 1_000n * UNIT, seats: 2 },
  canaries: { bounty: 10n * UNIT, penalty: 50n * UNIT, life: 4n * 86_400n, trial: 86_400n },
};

/** Contracts that hold the operators, in the order in which Steps wants to know them. */
export const STEP_FAMILIES = ['ArithmeticSteps', 'ReductionSteps', 'MovementSteps'] as const;
/** Contracts in the order they are deployed; an address follows from the deployer's nonce, so each can know the others. */
const ORDER = ['TestToken', ...STEP_FAMILIES, 'Steps', 'Authority', 'Vault', 'Batches', 'Disputes', 'Charges', 'Requests', 'Beacons', 'Checks', 'Canaries'] as const;
type ContractName = (typeof ORDER)[number];

/** Roles of Authority. */
export const ROLES = { admin: 0n, terms: 1n, pause: 2n } as const;

export interface DeployOptions {
  readonly rpcUrl: string;
  /** Pays, and is the admin of Authority until it hands that over. */
  readonly privateKey: Hex;
  readonly parameters: NetworkParameters;
  /** Registered at once, with bond and float of test tokens; with another token they join by themselves. */
  readonly coordinators?: readonly Address[];
  /** Sets terms, after the timelock, and hands roles out; who deploys has no power left then. By default who deploys, on a local chain only. */
  readonly admin?: Address;
  /** May hold settlements up for a while, pause new batches and cancel announced terms; by default who deploys. */
  readonly guardian?: Address;
  /** An ERC-20 to use instead of a new test token. */
  readonly token?: Address;
  /** A step verifier to use instead of the released one (tests: the toy). */
  readonly stepVerifier?: Address;
  /** Folder of the compiled contracts; by default contracts/out of this checkout. */
  readonly artifacts?: string;
}

interface Artifact {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

/**
 * Deploys a network. Afterwards only the terms of Batches and its pause can be set, through Authority, each by its own role.
 * @throws AssayError ADMIN_MISSING on any chain but a local one without an admin, FILE_UNREADABLE if the contracts have not been compiled, TRANSACTION_FAILED if the chain refused one.
 */
export async function deployContracts(options: DeployOptions): Promise<Deployment> {
  try {
    return await deployAll(options);
  } catch (error) {
    throw chainError(error, 'deploy', 'TRANSACTION_FAILED');
  }
}

async function deployAll(options: DeployOptions): Promise<Deployment> {
  const deployer = await openDeployer(options);
  const { addresses, deployer: owner } = deployer;
  const { parameters } = options;
  requireAdmin(options, deployer);
  if (!options.token) await deployer.deploy('TestToken', []);
  if (!options.stepVerifier) await deploySteps(deployer);
  await deployer.deploy('Authority', [owner]);
  const { Batches: batches, Disputes: disputes, Charges: charges, Requests: requests, Beacons: beacons, Checks: checks, Canaries: canaries } = addresses;
  await deployer.deploy('Vault', [addresses.TestToken, parameters.unbondingDelay, { batches, disputes, charges, requests, checks, canaries }]);
  await deployer.deploy('Batches', [settingOf(addresses, owner, parameters)]);
  await deployer.deploy('Disputes', [addresses.Vault, batches, addresses.Steps, { guardian: options.guardian ?? owner, checks, canaries }, parameters.disputes]);
  const half = parameters.batches.challengeWindow / 2n;
  await deployer.deploy('Charges', [addresses.Vault, batches, disputes, parameters.disputes.bond, half, half]);
  await deployer.deploy('Requests', [addresses.Vault, batches, disputes, parameters.disputes.bond, half]);
  await deployer.deploy('Beacons', [batches]);
  await deployer.deploy('Checks', [{ vault: addresses.Vault, batches, disputes, beacons, stakeNeeded: parameters.checks.stake, seats: parameters.checks.seats, payBps: parameters.batches.poolBps }]);
  await deployer.deploy('Canaries', [{ vault: addresses.Vault, batches, disputes, checks, requests, ...parameters.canaries }]);
  await deployer.govern({ admin: options.admin ?? owner, guardian: options.guardian ?? owner, timelock: parameters.timelock });
  if (!options.token) for (const coordinator of options.coordinators ?? []) await deployer.register(coordinator);
  return {
    chainId: deployer.chainId,
    token: addresses.TestToken,
    vault: addresses.Vault,
    batches: addresses.Batches,
    disputes: addresses.Disputes,
    charges: addresses.Charges,
    requests: addresses.Requests,
    checks: addresses.Checks,
    canaries: addresses.Canaries,
    beacons: addresses.Beacons,
    authority: addresses.Authority,
    stepVerifier: addresses.Steps,
    deployedBlock: deployer.fromBlock,
  };
}

/** WHY refused: a key that deploys lies about in scripts and shells; whoever finds it would set the terms. */
function requireAdmin({ admin }: DeployOptions, { chainId, deployer }: { readonly chainId: number; readonly deployer: Address }): void {
  if (chainId === LOCAL_CHAIN_ID || (admin && !isAddressEqual(admin, deployer))) return;
  throw new AssayError({ code: 'ADMIN_MISSING', facts: { chainId, deployer, admin } });
}

/** An epoch is as long as the challenge window; a bond leaves after two of them, when nothing it answers for is left. */
function settingOf(addresses: Record<ContractName, Address>, treasury: Address, { batches, disputes }: NetworkParameters) {
  const { challengeWindow, beaconDelay, sampleRate, poolBps, protocolBps, coordinatorBond } = batches;
  const { Authority: authority, Vault: vault, TestToken: token, Charges: charges, Requests: requests } = addresses;
  const terms = { challengeWindow, beaconDelay, sampleRate, poolBps, protocolBps, coordinatorBond };
  return { authority, vault, token, treasury, charges, requests, epoch: challengeWindow, exitDelay: 2n * challengeWindow, bountyBps: disputes.bountyBps, terms };
}

async function deploySteps({ addresses, deploy }: Pick<Awaited<ReturnType<typeof openDeployer>>, 'addresses' | 'deploy'>): Promise<void> {
  for (const family of STEP_FAMILIES) await deploy(family, []);
  await deploy('Steps', STEP_FAMILIES.map((family) => addresses[family]));
}

async function openDeployer(options: DeployOptions) {
  const account = privateKeyToAccount(options.privateKey);
  const transport = http(options.rpcUrl);
  const client = createPublicClient({ transport, pollingInterval: 100 });
  const chainId = await client.getChainId();
  const chain = defineChain({ id: chainId, name: `chain ${chainId}`, nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [options.rpcUrl] } } });
  const wallet = createWalletClient({ account, chain, transport });
  const folder = options.artifacts ?? compiledContracts();
  const addresses = predictAddresses(account.address, await client.getTransactionCount({ address: account.address }), options);

  const mined = async (name: string, hash: Hex) => {
    const receipt = await client.waitForTransactionReceipt({ hash });
    if (receipt.status !== 'success') throw new AssayError({ code: 'TRANSACTION_FAILED', message: `${name} was not accepted by the chain`, facts: { hash } });
    return receipt;
  };
  return {
    addresses,
    chainId,
    deployer: account.address,
    fromBlock: Number(await client.getBlockNumber()),
    async deploy(name: ContractName, args: readonly unknown[]) {
      const { abi, bytecode } = readArtifact(folder, name);
      const receipt = await mined(name, await wallet.deployContract({ abi, bytecode, args }));
      if (receipt.contractAddress?.toLowerCase() !== addresses[name].toLowerCase()) {
        throw new AssayError({ code: 'TRANSACTION_FAILED', message: `${name} is at another address than expected: the deployer sent something else meanwhile`, facts: { expected: addresses[name], found: receipt.contractAddress } });
      }
    },
    /** Each role for one thing: terms after the timelock, the pause at once. WHY the admin last: until then who deploys hands roles out. */
    async govern({ admin, guardian, timelock }: { admin: Address; guardian: Address; timelock: bigint }) {
      const call = async <N extends ContractFunctionName<typeof authorityAbi, 'nonpayable'>>(functionName: N, args: ContractFunctionArgs<typeof authorityAbi, 'nonpayable', N>) =>
        void (await mined(functionName, await wallet.writeContract({ address: addresses.Authority, abi: authorityAbi, functionName, args } as never)));
      const selector = (name: 'setTerms' | 'setPaused') => toFunctionSelector(getAbiItem({ abi: batchesAbi, name }) as AbiFunction);
      await call('setTargetFunctionRole', [addresses.Batches, [selector('setTerms')], ROLES.terms]);
      await call('setTargetFunctionRole', [addresses.Batches, [selector('setPaused')], ROLES.pause]);
      await call('setRoleGuardian', [ROLES.terms, ROLES.pause]);
      await call('grantRole', [ROLES.terms, admin, Number(timelock)]);
      await call('grantRole', [ROLES.pause, guardian, 0]);
      if (isAddressEqual(admin, account.address)) return;
      await call('grantRole', [ROLES.admin, admin, Number(timelock)]);
      await call('renounceRole', [ROLES.admin, account.address]);
    },
    async register(coordinator: Address) {
      const bond = options.parameters.batches.coordinatorBond;
      const amount = ((bond + STARTING_FLOAT) * UNIT) / MICRO;
      await mined('mint', await wallet.writeContract({ abi: tokenAbi, address: addresses.TestToken, functionName: 'mint', args: [account.address, amount] }));
      await mined('approve', await wallet.writeContract({ abi: tokenAbi, address: addresses.TestToken, functionName: 'approve', args: [addresses.Vault, amount] }));
      await mined('deposit', await wallet.writeContract({ abi: vaultAbi, address: addresses.Vault, functionName: 'deposit', args: [account.address, amount] }));
      await mined('join', await wallet.writeContract({ abi: batchesAbi, address: addresses.Batches, functionName: 'join', args: [coordinator, Number(bond), Number(STARTING_FLOAT)] }));
    },
  };
}

/** CREATE addresses of what will be deployed, the given address of what will not. */
function predictAddresses(from: Address, firstNonce: number, options: DeployOptions): Record<ContractName, Address> {
  let nonce = BigInt(firstNonce);
  const { token, stepVerifier } = options;
  const families = stepVerifier && Object.fromEntries(STEP_FAMILIES.map((name) => [name, stepVerifier]));
  const given: Partial<Record<ContractName, Address | undefined>> = { TestToken: token, Steps: stepVerifier, ...families };
  return Object.fromEntries(ORDER.map((name) => [name, given[name] ?? getContractAddress({ from, nonce: nonce++ })])) as Record<ContractName, Address>;
}

function readArtifact(folder: string, name: string): Artifact {
  const path = join(folder, `${name}.json`);
  if (!existsSync(path)) throw missing(path);
  return JSON.parse(readFileSync(path, 'utf8')) as Artifact;
}

/** contracts/out of the checkout this file is in; it runs from the sources and from dist. */
function compiledContracts(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'contracts/out');
    if (existsSync(candidate)) return candidate;
  }
  throw missing('contracts/out');
}

function missing(path: string): AssayError {
  return new AssayError({ code: 'FILE_UNREADABLE', message: `The compiled contracts are not there: ${path}`, facts: { path }, remedy: 'Run `npm run contracts`.' });
}
