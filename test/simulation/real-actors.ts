import { bytesToHex } from 'viem';
import { PHASE, type Role } from '#core/dispute';
import { claimDigest } from '#core/protocol';
import type { Trace, TraceReader } from '#core/trace';
import type { Chain } from '#io/chain';
import type { InferenceSession } from '#io/inference';
import type { Random } from '#testing';
import { runWithFault } from '../../apps/executor/faults/index.js';
import type { Arena } from './arena.js';
import { playOnChain, type ChainResult } from './chain-match.js';
import { STRUCTURE_LIES } from './liars.js';
import { lieAtNode } from './node-lies.js';
import { garbage, honestPlayer, inconsistent, lastSecondPlayer, lyingChallenger, replayer, silentAfter, type Player } from './players.js';
import { accusation } from './random-moves.js';
import { checkMoney, checkPlay, moneyOf, settle } from './real-games.js';
import { honestTrace, randomPicture } from './real-models.js';

interface Scene {
  readonly session: InferenceSession;
  readonly honest: Trace;
  readonly random: Random;
}

interface Seat {
  readonly player: Player;
  readonly trace: TraceReader;
}

interface Actor {
  readonly plays: Role;
  /** Undefined where this run gives no chance to be it. */
  readonly sit: (scene: Scene) => Promise<Seat | undefined>;
  /** Everything its illegitimate moves may be refused with. */
  readonly refusals?: readonly string[];
  readonly honest?: (random: Random) => Player;
}

type Liar = (scene: Scene) => Promise<TraceReader | undefined>;

const faulty = (fault: 'wrong-output' | 'wrong-intermediate' | 'tampered-weights' | 'wrong-partial-sum'): Liar => async ({ session, honest, random }) =>
  (await runWithFault(fault, { jobId: bytesToHex(random.bytes(32)), session, inputs: honest.inputs })).trace();

/** Runs on other inputs than those it was given and claims to have run on these. */
const wrongInput: Liar = ({ session, random }) => honestTrace(session, randomPicture(session, random));

const atNode: Liar = ({ session, honest, random }) => lieAtNode({ session, trace: honest }, random.between(0, honest.values.length), random);

const LIARS: Readonly<Record<string, Liar>> = {
  node: atNode,
  chunk: async (scene) => STRUCTURE_LIES.wrongValues(scene),
  element: faulty('wrong-intermediate'),
  'partial sum': faulty('wrong-partial-sum'),
  input: wrongInput,
  weight: faulty('tampered-weights'),
  output: faulty('wrong-output'),
  header: async (scene) => STRUCTURE_LIES.wrongHeader(scene),
  padding: async (scene) => STRUCTURE_LIES.wrongPadding(scene),
  'padding in a chunk': async (scene) => STRUCTURE_LIES.wrongTensorPadding(scene),
};

const liar = (lie: Liar, player: (random: Random) => Player = (random) => honestPlayer(random, 0)): Actor => ({
  plays: 'executor',
  async sit(scene) {
    const trace = await lie(scene);
    return trace && trace.traceTree().root !== scene.honest.traceTree().root ? { player: player(scene.random), trace } : undefined;
  },
});

const OTHERWISE_REFUSED = ['NotUnderNode', 'NotTheOutput', 'WrongPhase', 'WrongNodeCount'];

const challenger = (player: (random: Random) => Player): Actor => ({ plays: 'challenger', sit: async ({ random, honest }) => ({ player: player(random), trace: honest }) });
const lastSecond = (player: Player): Player => ({ act: (position, left) => ({ action: player.act(position, left).action, after: left }) });

/** Everybody that issue-minded people could be, against an honest player on the real contracts. */
export const REAL_ACTORS: Readonly<Record<string, Actor>> = {
  ...Object.fromEntries(Object.entries(LIARS).map(([where, lie]) => [`liar at ${where}`, liar(lie)])),
  ...Object.fromEntries([0, 1, 2, 3, 4].map((n) => [`liar, silent at move ${n + 1}`, liar(LIARS['partial sum']!, (random) => silentAfter(n, honestPlayer(random, 0)))])),
  'liar in the last second': { ...liar(LIARS['partial sum']!, () => lastSecondPlayer()), honest: () => lastSecondPlayer() },
  'inconsistent revealer': {
    plays: 'executor',
    refusals: OTHERWISE_REFUSED,
    async sit(scene) {
      const trace = await LIARS['weight']!(scene);
      // WHY another output: with the right one, opening the honest run throughout would be a fair defence.
      return trace && trace.outputRoot !== scene.honest.outputRoot ? { player: inconsistent(scene.random, scene.honest), trace } : undefined;
    },
  },
  'garbage revealer': { ...liar(LIARS['element']!, garbage), refusals: OTHERWISE_REFUSED },
  'executor that replays its first move': { ...liar(LIARS['element']!, (random) => replayer(honestPlayer(random, 0))), refusals: OTHERWISE_REFUSED },
  'challenger that opens and abandons': challenger((random) => silentAfter(0, honestPlayer(random, 0))),
  ...Object.fromEntries([1, 2, 3].map((n) => [`challenger, silent at move ${n + 1}`, challenger((random) => silentAfter(n, lyingChallenger(random)))])),
  'challenger with a mistaken run': { plays: 'challenger', sit: async (scene) => ({ player: honestPlayer(scene.random, 0), trace: (await LIARS['partial sum']!(scene))! }) },
  griefer: challenger((random) => lyingChallenger(random)),
  'griefer in the last second': challenger((random) => lastSecond(lyingChallenger(random))),
  'garbage prover': challenger((random) => ({ act: (position) => ({ action: accusation(random, position), after: 0 }) })),
  'challenger that replays its first move': challenger((random) => replayer(lyingChallenger(random))),
};

export interface Encounter {
  readonly arena: Arena;
  readonly session: InferenceSession;
  readonly random: Random;
  /** Neither player: settles, and must gain nothing by it. */
  readonly stranger: Chain;
}

/**
 * One game of a hostile actor against an honest player, paid out by a stranger.
 * @returns undefined if no run gave the actor a chance
 * @throws Error if the honest side loses, is refused a move, or anybody's money is not what the protocol says
 */
export async function meet(name: string, { arena, session, random, stranger }: Encounter): Promise<ChainResult | undefined> {
  const actor = REAL_ACTORS[name]!;
  const honestRole: Role = actor.plays === 'executor' ? 'challenger' : 'executor';
  const honest = await honestTrace(session, randomPicture(session, random));
  const seat = await actor.sit({ session, honest, random });
  if (!seat) return undefined;
  const own: Seat = { player: actor.honest?.(random) ?? honestPlayer(random, 20), trace: honest };
  const before = await moneyOf(arena);
  const result = await playOnChain({ arena, random, honest, executor: actor.plays === 'executor' ? seat : own, challenger: actor.plays === 'executor' ? own : seat });
  checkPlay(honestRole, result);
  const allowed = actor.refusals;
  const strange = allowed && result.refused.find(({ refusal }) => !allowed.includes(refusal));
  if (strange) throw new Error(`it was refused with ${strange.refusal}`);
  const strangers = await stranger.vault.balanceOf(stranger.account!);
  await settle(arena, result, stranger);
  checkMoney(arena, honestRole, { before, after: await moneyOf(arena) });
  if ((await stranger.vault.balanceOf(stranger.account!)) !== strangers) throw new Error('the sender was paid');
  if ((await arena.executor.disputes.overturned(claimDigest(arena.rules.network, result.claim))) !== (result.game.phase === PHASE.executorLost)) throw new Error('the claim is judged wrongly');
  await checkLedger(arena);
  return result;
}

/** balances + stakes + bonds + escrow + pool = tokens held, and no bond is left where no game is. */
export async function checkLedger({ executor }: Arena): Promise<void> {
  const { balances, stakes, bonds, escrow, pool } = await executor.vault.totals();
  const held = await executor.token.balanceOf(executor.deployment.vault);
  if (balances + stakes + bonds + escrow + pool !== held) throw new Error(`the vault holds ${held} and owes ${balances + stakes + bonds + escrow + pool}`);
}
