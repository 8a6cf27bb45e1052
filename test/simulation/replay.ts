import { decodeFunctionData, type Hex } from 'viem';
import { hashGame, newGame, play, type FaultName, FAULTS, type Game, type Move, type Role, type Rules } from '#core/dispute';
import { disputesAbi, happeningOf, parseEvents, type Chain } from '#io/chain';

/** Plays a game of the chain again by the rules in TypeScript, move by move; returns how many moves agreed. Throws at the first that doesn't. */
export async function replayByRules(chain: Chain, gameId: Hex, rules: Rules & { readonly clock: number }): Promise<number> {
  let game: Game | undefined;
  const logs = await chain.client.getLogs({ address: chain.deployment.disputes, fromBlock: 0n, toBlock: 'latest' });
  let moves = 0;
  for (const log of parseEvents(logs)) {
    const happened = happeningOf(log);
    if (happened?.gameId !== gameId || happened.happening.kind === 'settled') continue;
    const stated = happened.happening.game;
    const now = (await chain.client.getBlock({ blockNumber: log.blockNumber })).timestamp;
    const { input } = await chain.client.getTransaction({ hash: log.transactionHash });
    game = game === undefined ? opened(stated, { now, clock: rules.clock }) : replayed(rules, { game, input, now });
    if (hashGame(game) !== hashGame(stated)) throw new Error(`the rules lead to another state after move ${moves}`);
    moves++;
  }
  return moves;
}

function opened({ claim, executor, challenger, outputRoot, valueCount }: Game, { now, clock }: { now: bigint; clock: number }): Game {
  return newGame({ claim, executor, challenger, outputRoot, valueCount, now, clock });
}

function replayed(rules: Rules, { game, input, now }: { game: Game; input: Hex; now: bigint }): Game {
  const move = moveOf(input);
  const by: Role = move.kind === 'expire' ? (game.executorTurn ? 'challenger' : 'executor') : game.executorTurn ? 'executor' : 'challenger';
  const played = play(rules, { game, move, by, now });
  if (!('game' in played)) throw new Error(`the rules refuse ${move.kind}: ${played.refusal}`);
  return played.game;
}

/** The move that a transaction's input makes. */
export function moveOf(input: Hex): Move {
  const { functionName, args } = decodeFunctionData({ abi: disputesAbi, data: input });
  switch (functionName) {
    case 'revealTrace':
      return { kind: functionName, nodes: args[1], outputSiblings: args[2] };
    case 'revealTensor':
      return { kind: functionName, dataRoot: args[1], header: args[2], nodes: args[3] };
    case 'revealSteps':
      return { kind: functionName, stepCount: args[1], states: args[2] };
    case 'choose':
      return { kind: functionName, choice: args[1] };
    case 'chooseSegment':
      return { kind: functionName, before: args[1], last: args[2] };
    case 'prove':
      return { kind: functionName, fault: Object.keys(FAULTS)[args[1]] as FaultName, proof: args[2] };
    case 'expire':
      return { kind: functionName };
    default:
      throw new Error(`${functionName} is no move`);
  }
}
