import type { Address } from 'viem';
import { inputRootOf, toyOperator, type ToyPlan, type TraceModel, type TraceReader } from '#core/trace';
import { claimDigest, type Claim, type NetworkId } from '#core/protocol';
import { ZERO_ROOT } from '#core/hashing';
import { expiresAt, idleAction, isOver, mover, newGame, play, secondsLeft, winner, type Game, type Move, type RefusalName, type Reveal, type Role, type Rules, type Shown } from '#core/dispute';
import type { Player } from './players.js';

export const NETWORK: NetworkId = { chainId: 31337, disputes: '0x00000000000000000000000000000000000000d1' };
export const RULES: Rules = { network: NETWORK, extension: 60, operatorOf: toyOperator };
/** WHY below two extensions: a player that takes its time lives on them from its second move on. */
export const CLOCK = 90;
export const PAYOUT_DELAY = 30;
const EXECUTOR: Address = '0x00000000000000000000000000000000000000e1';
const CHALLENGER: Address = '0x00000000000000000000000000000000000000c1';
/** No game is longer: two rounds for the trace, eight for a tensor, eight for steps, each a reveal and a choice. */
const MAX_MOVES = 40;

export function toyClaim(plan: ToyPlan, modelId: Claim['modelId'], outputRoot: Claim['outputRoot']): Claim {
  return { jobId: ZERO_ROOT, modelId, inputRoot: inputRootOf(plan.inputs), outputRoot, executor: EXECUTOR, coordinator: CHALLENGER, fee: 1n, insuredValue: 0n };
}

export interface Match {
  readonly plan: ToyPlan;
  /** The plan's model; a player's trace may be of another. */
  readonly model: TraceModel;
  readonly executor: { readonly player: Player; readonly trace: TraceReader };
  readonly challenger: { readonly player: Player; readonly trace: TraceReader };
}

export interface Refused {
  readonly by: Role;
  readonly move: Move;
  readonly refusal: RefusalName;
}

export interface Result {
  readonly winner: Role;
  readonly game: Game;
  readonly moves: readonly { by: Role; kind: Move['kind'] }[];
  readonly refused: readonly Refused[];
  readonly shown: Shown | undefined;
}

/** Plays a match by the rules in TypeScript to its end, time and all. */
export function playMatch({ plan, model, ...players }: Match): Result {
  const claim = toyClaim(plan, model.modelId, players.executor.trace.outputRoot);
  let now = 1_000n;
  let game = newGame({ claim: claimDigest(NETWORK, claim), executor: EXECUTOR, challenger: CHALLENGER, outputRoot: claim.outputRoot, valueCount: model.valueCount, now, clock: CLOCK });
  const reveals: Reveal[] = [];
  const moves: { by: Role; kind: Move['kind'] }[] = [];
  const refused: Refused[] = [];
  let shown: Shown | undefined;
  while (!isOver(game)) {
    if (moves.length > MAX_MOVES) throw new Error('the game does not end');
    const by = mover(game)!;
    const { player, trace } = players[by];
    const { action, after } = player.act({ game, role: by, claim, trace, reveals, now, payoutDelay: PAYOUT_DELAY }, secondsLeft(game, now));
    now += BigInt(after);
    const played = 'nodes' in action || 'states' in action || action.kind === 'choose' || action.kind === 'chooseSegment' || action.kind === 'prove' ? play(RULES, { game, move: action, by, now }) : undefined;
    if (played && 'game' in played) {
      game = played.game;
      shown = played.shown;
      moves.push({ by, kind: (action as Move).kind });
      const nodes = action.kind === 'revealSteps' ? action.states : 'nodes' in action ? action.nodes : undefined;
      if (nodes) reveals.push({ nodes, game });
      continue;
    }
    if (played) refused.push({ by, move: action as Move, refusal: played.refusal });
    // Whoever has nothing (legal) to play lets the clock run out; the other side expires it as soon as it may.
    const other = by === 'executor' ? 'challenger' : 'executor';
    now = expiresAt(game) + 1n;
    if (idleAction({ game, role: other, now, payoutDelay: PAYOUT_DELAY })?.kind !== 'expire') throw new Error('a silent player is not expired');
    const ended = play(RULES, { game, move: { kind: 'expire' }, by: other, now });
    if (!('game' in ended)) throw new Error(`expire was refused: ${ended.refusal}`);
    game = ended.game;
    moves.push({ by: other, kind: 'expire' });
  }
  return { winner: winner(game)!, game, moves, refused, shown };
}
