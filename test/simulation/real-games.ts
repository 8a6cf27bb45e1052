import { keccak256, numberToHex } from 'viem';
import type { Role } from '#core/dispute';
import type { TraceReader } from '#core/trace';
import { gamesOn } from '#io/chain';
import type { InferenceSession } from '#io/inference';
import { seededRandom, type Random } from '#testing';
import { runWithFault } from '../../apps/executor/faults/index.js';
import type { Arena } from './arena.js';
import { playOnChain, type ChainResult } from './chain-match.js';
import { honestPlayer, lyingChallenger, silentAfter, type Player } from './players.js';
import { honestTrace, openModel, randomPicture, type ModelName } from './real-models.js';

const LIES = ['wrong-output', 'wrong-intermediate', 'tampered-weights', 'wrong-partial-sum'] as const;
/** How many of twenty games each model gets: the large ones cost seconds a run. */
const SHARES: Readonly<Record<ModelName, number>> = { mnist: 8, fraud: 5, 'go1-policy': 4, stories260K: 2, squeezenet: 1 };

export interface RealGames {
  readonly arena: Arena;
  /** A game is made from its own seed, seed + its number, so that one can be played again alone. */
  readonly seed: number;
  readonly games: number;
  readonly models: readonly ModelName[];
  readonly onGame?: (line: string) => void;
}

export interface Tally {
  games: number;
  transactions: number;
  readonly kinds: Map<string, number>;
}

interface Setting {
  readonly name: string;
  readonly honest: Role;
  readonly trace: TraceReader;
  readonly executor: { readonly player: Player; readonly trace: TraceReader };
  readonly challenger: { readonly player: Player; readonly trace: TraceReader };
}

/**
 * Random games of real models on the real contracts, one after the other, beside the rules in TypeScript.
 * @throws Error naming the seed if an honest side loses, is refused a move, or is not paid what it is owed
 */
export async function playRealGames({ arena, seed, games, models, onGame = () => undefined }: RealGames): Promise<Tally> {
  const sessions = new Map<ModelName, InferenceSession>();
  const bag = models.flatMap((model) => Array<ModelName>(SHARES[model]).fill(model));
  const tally: Tally = { games: 0, transactions: 0, kinds: new Map() };
  try {
    for (let n = seed; n < seed + games; n++) {
      const random = seededRandom(n);
      const model = random.pick(bag);
      const session = sessions.get(model) ?? (await openModel(model));
      sessions.set(model, session);
      const { setting, result } = await playOne(arena, session, { random, seed: n });
      tally.games++;
      tally.transactions += result.moves.length;
      tally.kinds.set(`${model} ${setting.name}`, (tally.kinds.get(`${model} ${setting.name}`) ?? 0) + 1);
      onGame(`seed ${n}: ${model}, ${setting.name}: ${result.winner} wins after ${result.moves.length} moves`);
    }
  } finally {
    for (const session of sessions.values()) await session.close();
  }
  return tally;
}

async function playOne(arena: Arena, session: InferenceSession, { random, seed }: { random: Random; seed: number }) {
  const inputs = randomPicture(session, random);
  const trace = await honestTrace(session, inputs);
  const lie = random.pick(LIES);
  const false_ = await (await runWithFault(lie, { jobId: keccak256(numberToHex(seed)), session, inputs })).trace();
  const setting = random.next() < 0.6 ? againstLiar(random, { trace, false_, lie }) : againstLyingChallenger(random, { trace, false_, lie });
  const before = await moneyOf(arena);
  try {
    const result = await playOnChain({ arena, random, honest: trace, executor: setting.executor, challenger: setting.challenger });
    checkPlay(setting.honest, result);
    await settle(arena, result);
    checkMoney(arena, setting.honest, { before, after: await moneyOf(arena) });
    return { setting, result };
  } catch (cause) {
    throw new Error(`game with --seed ${seed} --games 1 (${session.model.manifest.modelId}, ${setting.name}): ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

interface Runs {
  readonly trace: TraceReader;
  readonly false_: TraceReader;
  readonly lie: string;
}

function againstLiar(random: Random, { trace, false_, lie }: Runs): Setting {
  const silent = random.next() < 0.2;
  const player = silent ? silentAfter(random.between(0, 5), honestPlayer(random, 0)) : honestPlayer(random, 0);
  return { name: silent ? `${lie}, then silent` : lie, honest: 'challenger', trace, executor: { player, trace: false_ }, challenger: { player: honestPlayer(random, 0), trace } };
}

function againstLyingChallenger(random: Random, { trace, false_, lie }: Runs): Setting {
  const executor = { player: honestPlayer(random, 0), trace };
  const made = (name: string, player: Player, own: TraceReader): Setting => ({ name, honest: 'executor', trace, executor, challenger: { player, trace: own } });
  if (random.next() < 0.4) return made(`challenger mistaken by ${lie}`, honestPlayer(random, 0), false_);
  if (random.next() < 0.3) return made('challenger that abandons', silentAfter(random.between(0, 5), lyingChallenger(random)), trace);
  return made('challenger that makes things up', lyingChallenger(random), trace);
}

export function checkPlay(honest: Role, { winner, refused, moves }: ChainResult): void {
  if (winner !== honest) throw new Error(`the ${honest} was honest and lost`);
  const own = refused.filter(({ by }) => by === honest);
  if (own.length > 0) throw new Error(`the honest ${honest} was refused ${own.map(({ refusal }) => refusal).join(', ')}`);
  const twice = moves.findIndex(({ by, kind }, i) => i > 0 && by === moves[i - 1]!.by && kind !== 'expire');
  if (twice >= 0) throw new Error(`the ${moves[twice]!.by} acted twice in a row`);
}

/** By whoever `sender` is: it makes no difference to who is paid. */
export async function settle(arena: Arena, { game, winner }: ChainResult, sender = arena[winner]): Promise<void> {
  await arena.pass(BigInt(arena.parameters.payoutDelay) + 1n);
  await gamesOn(sender).sender.settle(game);
}

export interface Money {
  readonly executorBalance: bigint;
  readonly executorStake: bigint;
  readonly challengerBalance: bigint;
}

export async function moneyOf({ executor, challenger }: Arena): Promise<Money> {
  const [executorBalance, { amount: executorStake }, challengerBalance] = await Promise.all([
    executor.vault.balanceOf(executor.account!),
    executor.vault.stakeOf(executor.account!),
    executor.vault.balanceOf(challenger.account!),
  ]);
  return { executorBalance, executorStake, challengerBalance };
}

/** The loser's bond, or penalty, went where it should; the honest side lost nothing. */
export function checkMoney({ parameters: { bond, penalty, bountyBps } }: Arena, honest: Role, { before, after }: { before: Money; after: Money }): void {
  const bounty = (penalty * BigInt(bountyBps)) / 10_000n;
  const gained = honest === 'executor' ? after.executorBalance - before.executorBalance : after.challengerBalance - before.challengerBalance;
  const due = honest === 'executor' ? bond : bounty;
  if (gained !== due) throw new Error(`the honest ${honest} gained ${gained}, not ${due}`);
  if (honest === 'executor' && after.executorStake !== before.executorStake) throw new Error('the honest executor lost stake');
  if (honest === 'challenger' && after.executorStake > 0n) throw new Error('the liar kept its stake');
}
