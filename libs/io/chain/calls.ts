import { encodeFunctionData, hexToBytes, parseEventLogs, toHex, zeroAddress, type Abi, type AbiStateMutability, type Address, type ContractFunctionArgs, type ContractFunctionName, type ContractFunctionReturnType, type Hex, type PublicClient } from 'viem';
import { joinInput, ZERO_ROOT, type Bound, type InputPart, type Root, type Tensor } from '#core/hashing';
import { AssayError, type Claim, type Evidence, type Request } from '#core/protocol';
import { batchesAbi, beaconsAbi, canariesAbi, chargesAbi, checksAbi, disputesAbi, requestsAbi, vaultAbi } from './generated/abis.js';
import type { BlockRange, LogReader } from './logs.js';
import { chainError } from './revert.js';
import type { Sent, TransactionSender } from './sender.js';
import { tokenAbi } from './token.js';

type Reads = 'view' | 'pure';
type Writes = 'nonpayable' | 'payable';
type Name<A extends Abi, M extends AbiStateMutability> = ContractFunctionName<A, M>;

/** One deployed contract: reads, and writes through the sender if there is an account. */
export interface Contract<A extends Abi> {
  readonly address: Address;
  /** @param at the head if left out */
  read<N extends Name<A, Reads>>(name: N, args: ContractFunctionArgs<A, Reads, N>, at?: { readonly blockNumber?: bigint }): Promise<ContractFunctionReturnType<A, Reads, N>>;
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
    async read(functionName, args, at) {
      try {
        return (await client.readContract({ abi: abi as Abi, address, functionName, args: args as readonly unknown[], ...at })) as never;
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
    /** Deposits out of an approval given before. */
    credit: (account: Address, amount: bigint) => vault.write('deposit', [account, amount]),
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

export interface ExecutorTotal {
  readonly executor: Address;
  readonly fees: bigint;
  readonly insuredValue: bigint;
}
export interface Charge {
  readonly submitter: Address;
  readonly amount: bigint;
}
export type BatchWord = ContractFunctionArgs<typeof requestsAbi, Writes, 'request'>[1];

const NO_BATCH: BatchWord = { root: ZERO_ROOT, coordinator: zeroAddress, count: 0, committedBlock: 0n, committedAt: 0n, challengeWindow: 0, beaconDelay: 0, sampleRate: 0, chargedFrom: 0n, charges: ZERO_ROOT, totals: ZERO_ROOT };

/** account << 96 | fees << 48 | insured value, in units: fees rounded down, insured value up, both against who gains by it. */
export function packTotal({ executor, fees, insuredValue }: ExecutorTotal, unit: bigint): bigint {
  return (BigInt(executor) << 96n) | ((fees / unit) << 48n) | ((insuredValue + unit - 1n) / unit);
}

/** account << 96 | amount in units, rounded down: a charge is never above what was signed. */
export function packCharge({ submitter, amount }: Charge, unit: bigint): bigint {
  return (BigInt(submitter) << 96n) | (amount / unit);
}

/** What packed charges amount to together, in units. */
export function chargedIn(charges: readonly bigint[]): bigint {
  return charges.reduce((sum, charge) => sum + (charge & (2n ** 96n - 1n)), 0n);
}

/** How the calls read past events. */
export interface History {
  readonly client: PublicClient;
  readonly logs: LogReader;
  readonly fromBlock: bigint;
  /** Blocks from the head on that count as not yet final. */
  readonly finalityDepth: bigint;
}

/** Batches remembered at most: what is final does not change. */
const MAX_KNOWN_BATCHES = 1_024;

export function batchesCalls(batches: Contract<typeof batchesAbi>, history: History) {
  let known: Promise<bigint> | undefined;
  const unit = () => (known ??= batches.read('unit', []).catch((error: unknown) => ((known = undefined), Promise.reject(error))));
  const committed = committedIn(batches.address, history);
  /** As it was committed, from the log; all zero for one that is none. */
  const batch = async (batchId: bigint): Promise<BatchWord> => (await committed(batchId))?.batch ?? NO_BATCH;
  return {
    address: batches.address,
    commit: async (given: { root: Root; count: number; totals: readonly ExecutorTotal[]; charges: readonly Charge[] }, options?: { readonly nonce?: number | undefined }) => {
      const size = await unit();
      return batches.write('commit', [given.root, given.count, given.totals.map((total) => packTotal(total, size)), given.charges.map((charge) => packCharge(charge, size))], options);
    },
    /** Everything final of these executors. */
    collect: (executors: readonly Address[]) => batches.write('collect', [executors]),
    sweep: (coordinator: Address) => batches.write('sweep', [coordinator]),
    /** Amounts in units. */
    join: (coordinator: Address, bond: bigint, float: bigint) => batches.write('join', [coordinator, Number(bond), Number(float)]),
    takeFloat: (amount: bigint) => batches.write('takeFloat', [Number(amount)]),
    startLeaving: () => batches.write('startLeaving', []),
    withdrawBond: () => batches.write('withdrawBond', []),
    batch,
    /** The packed totals and charges of a batch, as whoever shows what it withheld or understated wants them. */
    amountsOf: async (batchId: bigint): Promise<Amounts> => pickAmounts(await committed(batchId)),
    /** The packed charges of a batch, as contests and refunds want them. */
    chargesOf: async (batchId: bigint): Promise<readonly bigint[]> => (await committed(batchId))?.charges ?? [],
    /** @param blockNumber where, if not at the head; a node that does not have it gives an error */
    batchCount: (blockNumber?: bigint) => batches.read('batchCount', [], blockNumber === undefined ? {} : { blockNumber }),
    includes: async (batchId: bigint, claim: Root, proof: readonly Root[]): Promise<boolean> => batches.read('includes', [batchId, await batch(batchId), claim, proof]),
    coordinatorOf: (account: Address) => batches.read('coordinatorOf', [account]),
    /** What its batches that are not final insure, with fees, and the most that may be. */
    answeredFor: async (coordinator: Address) => {
      const [exposure, limit] = await batches.read('answeredFor', [coordinator]);
      return { exposure, limit };
    },
    feesOf: (executor: Address) => batches.read('feesOf', [executor]),
    exposureOf: (executor: Address) => batches.read('exposureOf', [executor]),
    terms: () => batches.read('terms', []),
    paused: () => batches.read('paused', []),
    challengeWindow: () => batches.read('challengeWindow', []),
    beaconDelay: () => batches.read('beaconDelay', []),
    sampleRate: () => batches.read('sampleRate', []),
    unit,
    epoch: () => batches.read('epoch', []),
  };
}

/** Packed words, see packTotal and packCharge. */
export interface Amounts {
  readonly totals: readonly bigint[];
  readonly charges: readonly bigint[];
}

const pickAmounts = (committed: Amounts | undefined): Amounts => ({ totals: committed?.totals ?? [], charges: committed?.charges ?? [] });

/** Finds a batch's event, from the newest block backwards. */
function committedIn(address: Address, { client, logs, fromBlock, finalityDepth }: History) {
  const find = async (batchId: bigint, to: bigint) => {
    const read = (piece: BlockRange) => client.getContractEvents({ address, abi: batchesAbi, eventName: 'BatchCommitted', args: { batchId }, fromBlock: piece.from, toBlock: piece.to, strict: true });
    for await (const [log] of logs.pieces(read, { from: fromBlock, to })) if (log) return log;
    return undefined;
  };
  const final = new Map<bigint, NonNullable<Awaited<ReturnType<typeof find>>>['args']>();
  return async (batchId: bigint) => {
    const before = final.get(batchId);
    if (before) return before;
    try {
      const head = await client.getBlockNumber({ cacheTime: 0 });
      const log = await find(batchId, head);
      if (log && log.blockNumber + finalityDepth <= head) {
        final.set(batchId, log.args);
        if (final.size > MAX_KNOWN_BATCHES) final.delete(final.keys().next().value!);
      }
      return log?.args;
    } catch (error) {
      throw chainError(error, 'Batches.batch');
    }
  };
}

export type ShownJob = ContractFunctionArgs<typeof chargesAbi, Writes, 'answer'>[1][number];

export function chargesCalls(charges: Contract<typeof chargesAbi>) {
  return {
    address: charges.address,
    contest: (batchId: bigint, batch: BatchWord, contested: { charges: readonly bigint[]; index: number }) => charges.write('contest', [batchId, batch, contested.charges, BigInt(contested.index)]),
    answer: (contestId: Root, jobs: readonly ShownJob[]) => charges.write('answer', [contestId, jobs]),
    resolve: (contestId: Root) => charges.write('resolve', [contestId]),
    contestOf: (contestId: Root) => charges.read('contestOf', [contestId]),
    contestWindow: () => charges.read('contestWindow', []),
    /** Some of an executor's claims in ascending order of their digests; convicts the coordinator once they come to more than its totals say. */
    countClaims: (batchId: bigint, batch: BatchWord, counted: { readonly totals: readonly bigint[]; readonly executor: Address; readonly claims: readonly Claim[]; readonly proofs: readonly (readonly Root[])[] }) =>
      charges.write('countClaims', [batchId, batch, counted.totals, counted.executor, counted.claims, counted.proofs]),
  };
}

/** A claim with all that checking and disputing it needs, as Requests publishes it. */
export type Leaf = ContractFunctionArgs<typeof requestsAbi, Writes, 'publish'>[2][number];

export function requestsCalls(requests: Contract<typeof requestsAbi>, { client, logs, fromBlock }: History) {
  return {
    address: requests.address,
    request: (batchId: bigint, batch: BatchWord) => requests.write('request', [batchId, batch]),
    publish: (batchId: bigint, batch: BatchWord, part: { leaves: readonly Leaf[]; siblings: readonly Root[] }) => requests.write('publish', [batchId, batch, part.leaves, part.siblings]),
    resolve: (batchId: bigint, batch: BatchWord, { totals, charges }: Amounts) => requests.write('resolve', [batchId, batch, totals, charges]),
    requestInput: (batchId: bigint, batch: BatchWord, asked: { readonly claim: Claim; readonly proof: readonly Root[]; readonly parts: number }) => requests.write('requestInput', [batchId, batch, asked.claim, asked.proof, asked.parts]),
    publishInput: (batchId: bigint, batch: BatchWord, part: { readonly claim: Claim; readonly tensors: readonly Bound[] } & InputPart) =>
      requests.write('publishInput', [batchId, batch, part.claim, part.tensors, toHex(part.data), part.siblings]),
    resolveInput: (batchId: bigint, batch: BatchWord, { totals, charges, claim }: Amounts & { readonly claim: Root }) => requests.write('resolveInput', [batchId, batch, totals, charges, claim]),
    inputDemandOf: (batchId: bigint, claim: Root) => requests.read('inputDemandOf', [batchId, claim]),
    /** Sets aside what is left of a convicted coordinator's bond. */
    settle: (coordinator: Address) => requests.write('settle', [coordinator]),
    /** What a claim in a withheld batch insures, to its submitter. */
    compensate: (batchId: bigint, batch: BatchWord, paid: { readonly claim: Claim; readonly request: Request; readonly proof: readonly Root[] }) => requests.write('compensate', [batchId, batch, paid.claim, paid.request, paid.proof]),
    sweep: (coordinator: Address) => requests.write('sweep', [coordinator]),
    potOf: (coordinator: Address) => requests.read('potOf', [coordinator]),
    /** @param blockNumber where, if not at the head; a node that does not have it gives an error */
    unanswered: (batchId: bigint, blockNumber?: bigint) => requests.read('unanswered', [batchId], blockNumber === undefined ? {} : { blockNumber }),
    withheld: (batchId: bigint) => requests.read('withheld', [batchId]),
    refund: (batchId: bigint, batch: BatchWord, refunded: { charges: readonly bigint[]; index: number }) => requests.write('refund', [batchId, batch, refunded.charges, BigInt(refunded.index)]),
    demandOf: (batchId: bigint) => requests.read('demandOf', [batchId]),
    publishWindow: () => requests.read('publishWindow', []),
    requestBond: () => requests.read('requestBond', []),
    /** What was published of a batch so far. */
    published: async (batchId: bigint): Promise<readonly Leaf[]> => {
      const read = ({ from, to }: BlockRange) => client.getContractEvents({ address: requests.address, abi: requestsAbi, eventName: 'Published', args: { batchId }, fromBlock: from, toBlock: to, strict: true });
      try {
        const found = await logs.all(read, { from: fromBlock, to: await client.getBlockNumber({ cacheTime: 0 }) });
        return found.flatMap((log) => log.args.leaves);
      } catch (error) {
        throw chainError(error, 'Requests.published');
      }
    },
    /** A claim's input as far as it was published; undefined until all of it was. */
    publishedInput: async (batchId: bigint, claim: Root): Promise<Tensor[] | undefined> => {
      const read = ({ from, to }: BlockRange) => client.getContractEvents({ address: requests.address, abi: requestsAbi, eventName: 'InputPublished', args: { batchId, claim }, fromBlock: from, toBlock: to, strict: true });
      try {
        const found = await logs.all(read, { from: fromBlock, to: await client.getBlockNumber({ cacheTime: 0 }) });
        return found.length === 0 ? undefined : joinInput(found[0]!.args.tensors, found.map((log) => hexToBytes(log.args.data)));
      } catch (error) {
        throw chainError(error, 'Requests.publishedInput');
      }
    },
  };
}

export interface Accused {
  readonly checker: Address;
  readonly evidence: readonly Evidence[];
  readonly index: number;
  readonly claim: Claim;
  readonly model: ContractFunctionArgs<typeof disputesAbi, Writes, 'open'>[2];
}

/** What a checker revealed for a batch, in the order in which it did. */
export interface RevealedEvidence {
  readonly checker: Address;
  readonly evidence: readonly Evidence[];
}

export function checksCalls(checks: Contract<typeof checksAbi>, { client, logs }: Pick<History, 'client' | 'logs'>) {
  return {
    address: checks.address,
    takeSeat: () => checks.write('takeSeat', []),
    leaveSeat: () => checks.write('leaveSeat', []),
    evict: (checker: Address) => checks.write('evict', [checker]),
    seatedAt: (checker: Address) => checks.read('seatedAt', [checker]),
    seats: async () => {
      const [there, taken, stakeNeeded] = await Promise.all([checks.read('seats', []), checks.read('seatsTaken', []), checks.read('stakeNeeded', [])]);
      return { there, taken, stakeNeeded };
    },
    isDrawn: (beacon: Root, checker: Address, { claim, rate }: { readonly claim: Root; readonly rate: bigint }) => checks.read('isDrawn', [beacon, checker, claim, rate]),
    payFor: (batch: BatchWord, charged: bigint, entries: bigint) => checks.read('payFor', [batch, charged, entries]),
    commit: (batchId: bigint, batch: BatchWord, commitment: Root) => checks.write('commit', [batchId, batch, commitment]),
    reveal: (batchId: bigint, batch: BatchWord, shown: { readonly evidence: readonly Evidence[]; readonly proofs: readonly (readonly Root[])[]; readonly salt: Root }) =>
      checks.write('reveal', [batchId, batch, shown.evidence, shown.proofs, shown.salt]),
    collect: async (batchId: bigint, batch: BatchWord, due: { readonly charges: readonly bigint[]; readonly checker: Address }) => {
      const sent = await checks.write('collect', [batchId, batch, due.charges, due.checker]);
      const [event] = parseEventLogs({ abi: checksAbi, eventName: 'CheckPaid', logs: sent.receipt.logs });
      return { ...sent, paid: event?.args.amount ?? 0n };
    },
    accuse: (batchId: bigint, { checker, evidence, index, claim, model }: Accused) => checks.write('accuse', [batchId, checker, evidence, BigInt(index), claim, model]),
    roundOf: (batchId: bigint, checker: Address) => checks.read('roundOf', [batchId, checker]),
    /** Everything revealed for a batch so far. */
    revealed: async (batchId: bigint, { committedBlock }: Pick<BatchWord, 'committedBlock'>): Promise<RevealedEvidence[]> => {
      const read = ({ from, to }: BlockRange) => client.getContractEvents({ address: checks.address, abi: checksAbi, eventName: 'EvidenceRevealed', args: { batchId }, fromBlock: from, toBlock: to, strict: true });
      try {
        const found = await logs.all(read, { from: committedBlock, to: await client.getBlockNumber({ cacheTime: 0 }) });
        return found.map(({ args: { checker, evidence } }) => ({ checker, evidence }));
      } catch (error) {
        throw chainError(error, 'Checks.revealed');
      }
    },
  };
}

type CanaryArgs<N extends Name<typeof canariesAbi, Writes>> = ContractFunctionArgs<typeof canariesAbi, Writes, N>;
/** What a canary's leaf hides, what opens it, and what its opening leaves. */
export type CanarySecret = CanaryArgs<'withdraw'>[1];
export type CanaryOpening = CanaryArgs<'open'>[1];
export type CanaryFinding = CanaryArgs<'settle'>[1];
/** The phases of a canary, in the contract's order. */
export const CANARY_PHASES = ['none', 'planted', 'withdrawn', 'opened', 'over'] as const;

/** What the opening of a canary left. */
export interface OpenedCanary {
  readonly id: Root;
  readonly finding: CanaryFinding;
}

export function canariesCalls(canaries: Contract<typeof canariesAbi>, { client, logs }: Pick<History, 'client' | 'logs'>) {
  return {
    address: canaries.address,
    plant: (leaf: Root, bond: bigint) => canaries.write('plant', [leaf, bond]),
    open: (id: Root, opening: CanaryOpening) => canaries.write('open', [id, opening]),
    withdraw: (id: Root, secret: CanarySecret) => canaries.write('withdraw', [id, secret]),
    used: (id: Root, secret: CanarySecret, { claim, signature }: SignedClaim) => canaries.write('used', [id, secret, claim, signature]),
    dispute: (id: Root, finding: CanaryFinding, shown: { readonly claim: Claim; readonly model: ModelArgs }) => canaries.write('dispute', [id, finding, shown.claim, shown.model]),
    measure: (id: Root, finding: CanaryFinding, of: { readonly batch: BatchWord; readonly checker: Address; readonly evidence: readonly Evidence[] }) =>
      canaries.write('measure', [id, finding, of.batch, of.checker, of.evidence]),
    settle: (id: Root, finding: CanaryFinding) => canaries.write('settle', [id, finding]),
    /** Canaries of a batch that are opened. */
    openedIn: async (batchId: bigint, { committedBlock }: Pick<BatchWord, 'committedBlock'>): Promise<OpenedCanary[]> => {
      const read = ({ from, to }: BlockRange) => client.getContractEvents({ address: canaries.address, abi: canariesAbi, eventName: 'CanaryOpened', fromBlock: from, toBlock: to, strict: true });
      try {
        const found = await logs.all(read, { from: committedBlock, to: await client.getBlockNumber({ cacheTime: 0 }) });
        return found.map(({ args: { id, finding } }) => ({ id, finding })).filter(({ finding }) => finding.batchId === batchId);
      } catch (error) {
        throw chainError(error, 'Canaries.openedIn');
      }
    },
    canaryOf: (id: Root) => canaries.read('canaryOf', [id]),
    measured: (id: Root, checker: Address) => canaries.read('measured', [id, checker]),
    detectionOf: (checker: Address) => canaries.read('detectionOf', [checker]),
    bondFor: (executor: Address) => canaries.read('bondFor', [executor]),
    bounty: () => canaries.read('bounty', []),
    trial: () => canaries.read('trial', []),
    life: () => canaries.read('life', []),
  };
}

export function beaconsCalls(beacons: Contract<typeof beaconsAbi>) {
  return {
    address: beacons.address,
    /** @param header RLP of the beacon block's header */
    prove: (batchId: bigint, batch: BatchWord, header: Hex) => beacons.write('prove', [batchId, batch, header]),
    redraw: (batchId: bigint, batch: BatchWord) => beacons.write('redraw', [batchId, batch]),
    blockOf: (batchId: bigint, batch: BatchWord) => beacons.read('blockOf', [batchId, batch]),
    /** Zero until it is proven. */
    beaconOf: (batchId: bigint) => beacons.read('beaconOf', [batchId]),
    /** Seconds since 1970; zero if the batch was not drawn again. */
    redrawnAt: (batchId: bigint) => beacons.read('redrawnAt', [batchId]),
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

export function disputesCalls(disputes: Contract<typeof disputesAbi>, batchOf: (batchId: bigint) => Promise<BatchWord>) {
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
    compensate: async (claim: Claim, { request, batchId, proof }: Inclusion) => disputes.write('compensate', [claim, request, batchId, await batchOf(batchId), proof]),
    stateOf: (gameId: Root) => disputes.read('stateOf', [gameId]),
    overturned: (claim: Root) => disputes.read('overturned', [claim]),
    compensated: (claim: Root) => disputes.read('compensated', [claim]),
    parameters: () => disputes.read('parameters', []),
  };
}
