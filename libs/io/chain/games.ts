import { decodeFunctionData, encodeFunctionData, type Hex } from 'viem';
import type { Root } from '#core/hashing';
import { FAULTS, faultName, gameIdOf, hashGame, packGame, unpackGame, type Game, type Happening, type Move } from '#core/dispute';
import { moveTypedData, type Claim, type NetworkId } from '#core/protocol';
import type { Inclusion, MoveCall } from './calls.js';
import type { Chain } from './connection.js';
import type { ChainEvent } from './events.js';
import { disputesAbi } from './generated/abis.js';
import type { BlockRange } from './logs.js';
import type { Sent } from './sender.js';

/** The dispute games of a chain, as a player wants them: what happens, what to send, what to ask. */
export function gamesOn(chain: Chain) {
  return {
    feed: { pages: (options: { fromBlock: bigint; signal: AbortSignal; onError?: (error: unknown) => void }) => gamePages(chain, options), distrust: () => chain.distrust() },
    sender: {
      move: (game: Game, move: Move): Promise<Sent> => chain.disputes.move(moveCall(game, move)),
      settle: (game: Game): Promise<Sent> => chain.disputes.settle(packGame(game)),
      compensate: (claim: Claim, inclusion: Inclusion): Promise<Sent> => chain.disputes.compensate(claim, inclusion),
    },
    view: { stateOf: (gameId: Root) => chain.disputes.stateOf(gameId), now: () => chain.now(), pausedUntil: () => chain.disputes.pausedUntil() },
  };
}

async function* gamePages(chain: Chain, options: { fromBlock: bigint; signal: AbortSignal; onError?: (error: unknown) => void }) {
  for await (const { events, ...page } of chain.events(options)) {
    yield { ...page, happenings: events.flatMap((event) => happeningOf(event) ?? []) };
  }
}

export interface GameLog {
  readonly gameId: Root;
  readonly block: bigint;
  readonly tx: Hex;
  readonly happening: Happening;
}

/** What an event says about a game; undefined if it is about something else. */
export function happeningOf(event: ChainEvent): GameLog | undefined {
  const at = { block: event.blockNumber, tx: event.transactionHash };
  switch (event.eventName) {
    case 'Opened':
      return { ...at, gameId: event.args.gameId, happening: { kind: 'opened', claim: event.args.claimed, game: unpackGame(event.args.game) } };
    case 'Revealed':
      return { ...at, gameId: event.args.gameId, happening: { kind: 'revealed', nodes: event.args.nodes, game: unpackGame(event.args.game) } };
    case 'Chosen':
      return { ...at, gameId: event.args.gameId, happening: { kind: 'chosen', game: unpackGame(event.args.game) } };
    case 'Ended':
      return { ...at, gameId: event.args.gameId, happening: { kind: 'ended', fault: faultName(event.args.fault), game: unpackGame(event.args.game) } };
    case 'Settled':
      return { ...at, gameId: event.args.gameId, happening: { kind: 'settled' } };
    default:
      return undefined;
  }
}

/** A move as the contract takes it: what to call, with what. */
export function moveCall(game: Game, move: Move): MoveCall {
  const words = packGame(game);
  switch (move.kind) {
    case 'revealTrace':
      return { functionName: move.kind, args: [words, move.nodes, move.outputSiblings] };
    case 'revealTensor':
      return { functionName: move.kind, args: [words, move.dataRoot, move.header, move.nodes] };
    case 'revealSteps':
      return { functionName: move.kind, args: [words, move.stepCount, move.states] };
    case 'choose':
      return { functionName: move.kind, args: [words, move.choice] };
    case 'chooseSegment':
      return { functionName: move.kind, args: [words, move.before, move.last] };
    case 'prove':
      return { functionName: move.kind, args: [words, FAULTS[move.fault], move.proof] };
    case 'expire':
      return { functionName: move.kind, args: [words] };
  }
}

/** What a player signs so that anybody may send its move: give it to `chain.disputes.relay` with the signature. */
export function relayable(network: NetworkId, game: Game, move: Move) {
  const message = { gameId: gameIdOf(game.claim, game.challenger), state: hashGame(game), move: encodeFunctionData({ abi: disputesAbi, ...moveCall(game, move) }) };
  return { ...message, typedData: moveTypedData(network, message) };
}

/** The call behind a transaction to Disputes; of a relayed move the move itself. */
export function disputeCall(input: Hex): ReturnType<typeof decodeFunctionData<typeof disputesAbi>> {
  const call = decodeFunctionData({ abi: disputesAbi, data: input });
  return call.functionName === 'relay' ? disputeCall(call.args[3]) : call;
}

/** One transaction of a dispute, for reports. */
export interface DisputeTransaction {
  readonly move: string;
  readonly by: 'executor' | 'challenger' | 'anyone';
  readonly gas: bigint;
  /**
   * Gas without what the transaction costs before its first instruction (EIP-2028: 21,000 and its calldata). An upper
   * bound where calldata dominates: such a transaction pays the floor of EIP-7623 whatever it executes.
   */
  readonly executionGas: bigint;
  readonly block: bigint;
  /** Seconds since 1970 of the block. */
  readonly time: bigint;
  readonly hash: Hex;
}

/** Every transaction of a game in order, with its gas; reads the chain only. */
export async function disputeTransactions(chain: Chain, gameId: Root): Promise<DisputeTransaction[]> {
  const read = ({ from, to }: BlockRange) => chain.client.getLogs({ address: chain.deployment.disputes, fromBlock: from, toBlock: to });
  const logs = await chain.logs.all(read, { from: BigInt(chain.deployment.deployedBlock), to: await chain.blockNumber() });
  const hashes = logs.filter((log) => log.topics[1] === gameId).map((log) => log.transactionHash);
  return Promise.all([...new Set(hashes)].map((hash) => disputeTransaction(chain, hash)));
}

async function disputeTransaction({ client }: Chain, hash: Hex): Promise<DisputeTransaction> {
  const [transaction, receipt] = await Promise.all([client.getTransaction({ hash }), client.getTransactionReceipt({ hash })]);
  const block = await client.getBlock({ blockNumber: receipt.blockNumber });
  const { functionName } = disputeCall(transaction.input);
  const gas = receipt.gasUsed;
  return { move: functionName, by: moverOf(functionName), gas, executionGas: gas - intrinsicGas(transaction.input), block: receipt.blockNumber, time: block.timestamp, hash };
}

function moverOf(functionName: string): DisputeTransaction['by'] {
  if (functionName.startsWith('reveal')) return 'executor';
  return /^(expire|settle|compensate|convict)/.test(functionName) ? 'anyone' : 'challenger';
}

/** EIP-2028: 21,000 for a transaction, 4 for each zero byte of calldata, 16 for each other one. */
export function intrinsicGas(input: Hex): bigint {
  let gas = 21_000n;
  for (let i = 2; i < input.length; i += 2) gas += input.startsWith('00', i) ? 4n : 16n;
  return gas;
}
