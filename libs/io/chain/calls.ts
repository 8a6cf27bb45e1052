import { encodeFunctionData, type Abi, type AbiStateMutability, type Address, type ContractFunctionArgs, type ContractFunctionName, type ContractFunctionReturnType, type Hex, type PublicClient } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError, type Claim, type Request } from '#core/protocol';
import { batchesAbi, disputesAbi, vaultAbi } from './generated/abis.js';
import { chainError } from './revert.js';
import type { Sent, TransactionSender } from './sender.js';
import { tokenAbi } from './token.js';

type Reads = 'view' | 'pure';
type Writes = 'nonpayable' | 'payable';
type Name<A extends Abi, M extends AbiStateMutability> = ContractFunctionName<A, M>;

/** One deployed contract: reads, and writes through the sender if there is an account. */
export interface Contract<A extends Abi> {
  readonly address: Address;
  read<N extends Name<A, Reads>>(name: N, args: ContractFunctionArgs<A, Reads, N>): Promise<ContractFunctionReturnType<A, Reads, N>>;
  write<N extends Name<A, Writes>>(name: N, args: ContractFunctionArgs<A, Writes, N>, options?: { readonly nonce?: number | undefined }): Promise<Sent>;
}

export interface ContractOptions<A extends Abi> {
  readonly name: string;
  readonly abi: A;
  readonly address: Address;
  readonly client: PublicClient;
  readonly sender: TransactionSender | undefined;
}

export function contractAt<const A extends Abi>({ name, abi, address, client, sender }: ContractOptions<A>): Contract<A> {
  return {
    address,
    async read(functionName, args) {
      try {
        return (await client.readContract({ abi: abi as Abi, address, functionName, args: args as readonly unknown[] })) as never;
      } catch (error) {
        throw chainError(error, `${name}.${functionName}`);
      }
    },
    async write(functionName, args, { nonce } = {}) {
      if (!sender) throw new AssayError({ code: 'INVARIANT_BROKEN', message: `${name}.${functionName} needs an account to send from.` });
      const data = encodeFunctionData({ abi: abi as Abi, functionName: functionName as string, args: args as readonly unknown[] });
      return sender.send({ to: address, data, call: `${name}.${functionName}`, ...(nonce === undefined ? {} : { nonce }) });
    },
  };
}

export function vaultCalls(vault: Contract<typeof vaultAbi>, token: Contract<typeof tokenAbi>) {
  return {
    address: vault.address,
    /** Approves exactly the amount, then deposits it into `account`'s balance. */
    deposit: async (account: Address, amount: bigint): Promise<Sent> => {
      await token.write('approve', [vault.address, amount]);
      return vault.write('deposit', [account, amount]);
    },
    withdraw: (amount: bigint) => vault.write('withdraw', [amount]),
    stake: (amount: bigint) => vault.write('stake', [amount]),
    startUnbonding: (amount: bigint) => vault.write('startUnbonding', [amount]),
    withdrawStake: () => vault.write('withdrawStake', []),
    balanceOf: (account: Address) => vault.read('balanceOf', [account]),
    stakeOf: (executor: Address) => vault.read('stakeOf', [executor]),
    /** What is left of the stake an executor lost. */
    forfeitedOf: (executor: Address) => vault.read('forfeitedOf', [executor]),
    sweepForfeited: (executor: Address) => vault.write('sweepForfeited', [executor]),
    totals: async () => {
      const [balances, stakes, bonds, escrow, pool] = await vault.read('totals', []);
      return { balances, stakes, bonds, escrow, pool };
    },
  };
}

export function tokenCalls(token: Contract<typeof tokenAbi>) {
  return {
    address: token.address,
    approve: (spender: Address, amount: bigint) => token.write('approve', [spender, amount]),
    transfer: (to: Address, amount: bigint) => token.write('transfer', [to, amount]),
    /** Local network only: the test token mints for anyone. */
    mint: (to: Address, amount: bigint) => token.write('mint', [to, amount]),
    balanceOf: (account: Address) => token.read('balanceOf', [account]),
  };
}

type CommitArgs = ContractFunctionArgs<typeof batchesAbi, Writes, 'commit'>;
export type ExecutorTotal = CommitArgs[2][number];
export type Charge = CommitArgs[3][number];

export function batchesCalls(batches: Contract<typeof batchesAbi>) {
  return {
    address: batches.address,
    commit: (batch: { root: Root; count: number; totals: readonly ExecutorTotal[]; charges: readonly Charge[] }, options?: { readonly nonce?: number | undefined }) =>
      batches.write('commit', [batch.root, batch.count, batch.totals, batch.charges], options),
    collect: (batchId: bigint, executor: Address) => batches.write('collect', [batchId, executor]),
    batch: (batchId: bigint) => batches.read('batch', [batchId]),
    batchCount: () => batches.read('batchCount', []),
    includes: (batchId: bigint, claim: Root, proof: readonly Root[]) => batches.read('includes', [batchId, claim, proof]),
    exposureOf: (executor: Address) => batches.read('exposureOf', [executor]),
    challengeWindow: () => batches.read('challengeWindow', []),
    beaconDelay: () => batches.read('beaconDelay', []),
    sampleRate: () => batches.read('sampleRate', []),
  };
}

type DisputeArgs<N extends Name<typeof disputesAbi, Writes>> = ContractFunctionArgs<typeof disputesAbi, Writes, N>;
/** A game as the ABI has it: packGame of #core/dispute's Game. */
export type GameWord = DisputeArgs<'expire'>[0];
export type ChoiceArgs = DisputeArgs<'choose'>[1];
export type ProofArgs = DisputeArgs<'prove'>[2];
export type ModelArgs = DisputeArgs<'open'>[2];

export interface SignedClaim {
  readonly claim: Claim;
  readonly signature: Hex;
}

/** What a claim was asked for with, and its place in a batch on chain. */
export interface Inclusion {
  readonly request: Request;
  readonly batchId: bigint;
  readonly proof: readonly Root[];
}

export interface RelayedMove {
  readonly player: Address;
  readonly gameId: Root;
  readonly state: Root;
  /** Calldata as the player itself would send it. */
  readonly move: Hex;
  readonly signature: Hex;
}

/** A call of a game's move: the function and its arguments. */
export type MoveCall = { [N in MoveName]: { readonly functionName: N; readonly args: DisputeArgs<N> } }[MoveName];
type MoveName = 'revealTrace' | 'revealTensor' | 'revealSteps' | 'choose' | 'chooseSegment' | 'prove' | 'expire';

export function disputesCalls(disputes: Contract<typeof disputesAbi>) {
  return {
    address: disputes.address,
    open: (claim: Claim, signature: Hex, model: ModelArgs) => disputes.write('open', [claim, signature, model]),
    move: (call: MoveCall) => disputes.write(call.functionName, call.args as never),
    /** Sends a move that its player signed, see relayedMove. */
    relay: ({ player, gameId, state, move, signature }: RelayedMove) => disputes.write('relay', [player, gameId, state, move, signature]),
    /** Two claims of one executor for one job; `one` is the weightier (see equivocationOf in #core/dispute). */
    convictEquivocation: (one: SignedClaim, other: SignedClaim) =>
      disputes.write('convictEquivocation', [one.claim, one.signature, other.claim, other.signature]),
    convictContradiction: ({ claim, signature }: SignedClaim, request: Request) => disputes.write('convictContradiction', [claim, signature, request]),
    pausePayouts: (seconds: number) => disputes.write('pausePayouts', [seconds]),
    resumePayouts: () => disputes.write('resumePayouts', []),
    pausedUntil: () => disputes.read('pausedUntil', []),
    settle: (game: GameWord) => disputes.write('settle', [game]),
    /** Pays the submitter of an overturned claim, which must be in a batch. */
    compensate: (claim: Claim, { request, batchId, proof }: Inclusion) => disputes.write('compensate', [claim, request, batchId, proof]),
    stateOf: (gameId: Root) => disputes.read('stateOf', [gameId]),
    overturned: (claim: Root) => disputes.read('overturned', [claim]),
    compensated: (claim: Root) => disputes.read('compensated', [claim]),
    parameters: () => disputes.read('parameters', []),
  };
}
