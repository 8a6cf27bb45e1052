import type { Address, Hex } from 'viem';
import { PHASE, unpackGame } from '#core/dispute';
import { disputeCall, type Chain, type ChainEvent } from '#io/chain';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { finalStepOf, type FinalStep } from './final-step.js';
import { executionGas } from './gas.js';

export type Player = 'executor' | 'challenger' | 'anyone';

export interface DisputeTransaction {
  readonly move: string;
  readonly by: Player;
  readonly from: Address;
  readonly gas: number;
  /** Without the 21,000 and the calldata that any transaction pays. */
  readonly executionGas: number;
  readonly block: number;
  readonly txHash: Hex;
}

export interface Settlement {
  readonly txHash: Hex;
  readonly gas: number;
  /** All of the executor’s stake, at the first game it lost; zero after that. */
  readonly slashed: bigint;
  readonly bounty: bigint;
}

/** Names of the contract's Fault enum. */
const FAULT_NAMES = ['none', 'trace padding', 'outputs', 'header', 'tensor padding', 'step count', 'step', 'silence', 'equivocation', 'contradiction'] as const;

/** What is in dispute after a choice of the challenger's. */
export interface DisputeStage {
  readonly block: number;
  readonly phase: 'trace' | 'tensor' | 'steps';
  /** Of the trace's values, the one in dispute; -1 while it is not down to one. */
  readonly value: number;
  /** The open node of the commitment tree: levels below it, position on its own level. */
  readonly depth: number;
  readonly position: bigint;
  /** In phase steps: the element, and the steps between which the two sides part. */
  readonly element: bigint;
  readonly lowStep: bigint;
  readonly highStep: bigint;
}

/** A dispute as the chain's own events and transactions tell it. */
export interface DisputeRecord {
  readonly gameId: Root;
  readonly claim: Root;
  readonly jobId: Root;
  readonly executor: Address;
  readonly challenger: Address;
  readonly state: 'open' | 'executor lost' | 'challenger lost';
  readonly fault: (typeof FAULT_NAMES)[number];
  /** Moves from open to the verdict, in order. */
  readonly transactions: readonly DisputeTransaction[];
  /** Where each choice led, from the whole trace down. */
  readonly path: readonly DisputeStage[];
  /** All of it, as the chain charged it. */
  readonly totalGas: number;
  /** Execution gas of the dearest reveal or choice. */
  readonly maxMoveGas: number;
  /** Execution gas of the final step's proof; 0 if it did not come to one. */
  readonly finalStepGas: number;
  /** Seconds of chain time from the first move to the last. */
  readonly chainSeconds: number;
  readonly finalStep?: FinalStep;
  readonly settlement?: Settlement;
}

type DisputeEvent = Extract<ChainEvent, { eventName: 'Opened' | 'Revealed' | 'Chosen' | 'Ended' | 'Settled' }>;
type Ended = Extract<DisputeEvent, { eventName: 'Ended' }>;

const MOVES = new Set(['Opened', 'Revealed', 'Chosen', 'Ended']);

/** Every dispute of the network so far, oldest first. */
export async function listDisputes(chain: Chain): Promise<DisputeRecord[]> {
  const games = new Map<Root, DisputeEvent[]>();
  for (const event of await disputeEvents(chain)) games.set(event.args.gameId, [...(games.get(event.args.gameId) ?? []), event]);
  return Promise.all([...games.values()].map((events) => recordOf(chain, events)));
}

/** @throws AssayError GAME_UNKNOWN */
export async function readDispute(chain: Chain, gameId: Root): Promise<DisputeRecord> {
  const events = (await disputeEvents(chain)).filter((event) => event.args.gameId.toLowerCase() === gameId.toLowerCase());
  if (events.length === 0) throw new AssayError({ code: 'GAME_UNKNOWN', facts: { gameId, disputes: chain.disputes.address } });
  return recordOf(chain, events);
}

async function disputeEvents(chain: Chain): Promise<DisputeEvent[]> {
  const stop = new AbortController();
  const found: DisputeEvent[] = [];
  for await (const page of chain.events({ fromBlock: BigInt(chain.deployment.deployedBlock), signal: stop.signal, onError: rethrow })) {
    for (const event of page.events) if (MOVES.has(event.eventName) || event.eventName === 'Settled') found.push(event as DisputeEvent);
    if (page.to === page.head) stop.abort();
  }
  return found;
}

function rethrow(error: unknown): never {
  throw error;
}

async function recordOf(chain: Chain, events: readonly DisputeEvent[]): Promise<DisputeRecord> {
  const opened = events.find((e) => e.eventName === 'Opened');
  if (!opened) throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'a dispute without an opening' });
  const ended = events.findLast((e) => e.eventName === 'Ended');
  const moves = events.filter((e) => MOVES.has(e.eventName));
  // WHY unique: evidence alone opens and ends a game in one transaction.
  const hashes = [...new Set(moves.map((move) => move.transactionHash))];
  const transactions = await Promise.all(hashes.map((hash) => moveBehind(chain, hash, opened.args)));
  const settlement = await settlementOf(chain, events);
  const answers = transactions.filter((t) => /^(reveal|choose)/.test(t.move));
  return {
    gameId: opened.args.gameId,
    claim: opened.args.claim,
    jobId: opened.args.claimed.jobId,
    executor: opened.args.executor,
    challenger: opened.args.challenger,
    state: stateOf(ended),
    fault: FAULT_NAMES[ended?.args.fault ?? 0] ?? 'none',
    transactions,
    path: events.flatMap((event) => (event.eventName === 'Chosen' ? [stageOf(event)] : [])),
    totalGas: transactions.reduce((sum, t) => sum + t.gas, 0),
    maxMoveGas: Math.max(0, ...answers.map((t) => t.executionGas)),
    finalStepGas: transactions.find((t) => t.move === 'prove')?.executionGas ?? 0,
    chainSeconds: await secondsBetween(chain, moves[0]!, moves.at(-1)!),
    ...(ended && isProof(transactions) ? await finalStepPart(chain, ended) : {}),
    ...(settlement ? { settlement } : {}),
  };
}

const isProof = (transactions: readonly DisputeTransaction[]) => transactions.at(-1)?.move === 'prove';

function stageOf({ args, blockNumber }: Extract<DisputeEvent, { eventName: 'Chosen' }>): DisputeStage {
  const { phase, valueIndex, depth, position, element, lowStep, highStep } = unpackGame(args.game);
  const name = phase === PHASE.trace ? 'trace' : phase === PHASE.tensor ? 'tensor' : 'steps';
  return { block: Number(blockNumber), phase: name, value: name === 'trace' ? -1 : valueIndex, depth, position, element, lowStep, highStep };
}

function stateOf(ended: Ended | undefined): DisputeRecord['state'] {
  const phase = ended && unpackGame(ended.args.game).phase;
  if (phase === PHASE.executorLost) return 'executor lost';
  return phase === PHASE.challengerLost ? 'challenger lost' : 'open';
}

/** The transaction behind an event of a dispute, as one of its moves. */
export async function moveBehind(chain: Chain, hash: Hex, players: { executor: Address; challenger: Address }): Promise<DisputeTransaction> {
  const [transaction, receipt] = await Promise.all([chain.client.getTransaction({ hash }), chain.client.getTransactionReceipt({ hash })]);
  const { functionName } = disputeCall(transaction.input);
  return {
    move: functionName,
    by: playerOf(transaction.from, players),
    from: transaction.from,
    gas: Number(receipt.gasUsed),
    executionGas: executionGas(Number(receipt.gasUsed), transaction.input),
    block: Number(receipt.blockNumber),
    txHash: hash,
  };
}

function playerOf(from: Address, players: { executor: Address; challenger: Address }): Player {
  const is = (player: Address) => player.toLowerCase() === from.toLowerCase();
  if (is(players.executor)) return 'executor';
  return is(players.challenger) ? 'challenger' : 'anyone';
}

async function settlementOf(chain: Chain, events: readonly DisputeEvent[]): Promise<Settlement | undefined> {
  const settled = events.find((e) => e.eventName === 'Settled');
  if (!settled) return undefined;
  const { gasUsed } = await chain.client.getTransactionReceipt({ hash: settled.transactionHash });
  const { forfeited: slashed, bounty } = settled.args;
  return { txHash: settled.transactionHash, gas: Number(gasUsed), slashed, bounty };
}

async function secondsBetween(chain: Chain, first: DisputeEvent, last: DisputeEvent): Promise<number> {
  const [from, to] = await Promise.all([first, last].map((e) => chain.client.getBlock({ blockNumber: e.blockNumber })));
  return Number(to!.timestamp - from!.timestamp);
}

async function finalStepPart(chain: Chain, ended: Ended): Promise<{ finalStep?: FinalStep }> {
  const { input } = await chain.client.getTransaction({ hash: ended.transactionHash });
  const finalStep = finalStepOf(input, ended.args);
  return finalStep ? { finalStep } : {};
}
