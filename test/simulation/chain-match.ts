import { deepStrictEqual, notDeepStrictEqual, strictEqual } from 'node:assert';
import type { Claim } from '#core/protocol';
import { expiresAt, hashGame, isOver, mover, play, secondsLeft, winner, type Game, type Move, type Reveal, type Role } from '#core/dispute';
import type { TraceReader } from '#core/trace';
import type { Sent } from '#io/chain';
import type { Random } from '#testing';
import { gameIn, moveOnChain, openOnChain, timeOf, type Arena } from './arena.js';
import type { Player } from './players.js';

export interface ChainMatch {
  readonly arena: Arena;
  readonly random: Random;
  /** An honest run of the job; a player's own may be wrong. */
  readonly honest: TraceReader;
  readonly executor: { readonly player: Player; readonly trace: TraceReader };
  readonly challenger: { readonly player: Player; readonly trace: TraceReader };
}

export interface ChainResult {
  readonly winner: Role;
  readonly refused: readonly { by: Role; refusal: string }[];
  readonly moves: readonly { by: Role; kind: string; sent: Sent }[];
  readonly gameId: `0x${string}`;
  readonly game: Game;
  readonly claim: Claim;
}

/** Plays a match on the real contracts, and beside it by the rules in TypeScript: after every move both have the same state. */
export async function playOnChain({ arena, random, honest, ...players }: ChainMatch): Promise<ChainResult> {
  const { claim, gameId, ...opened } = await openOnChain(arena, { honest, outputRoot: players.executor.trace.outputRoot, random });
  let { game } = opened;
  const reveals: Reveal[] = [];
  const moves: { by: Role; kind: string; sent: Sent }[] = [{ by: 'challenger', kind: 'open', sent: opened.sent }];
  const refused: { by: Role; refusal: string }[] = [];
  while (!isOver(game)) {
    const by = mover(game)!;
    const now = await arena.executor.now();
    const { player, trace } = players[by];
    const { action, after } = player.act({ game, role: by, claim, trace, reveals, now, payoutDelay: arena.parameters.payoutDelay }, secondsLeft(game, now));
    const silent = action.kind === 'concede' || action.kind === 'wait' || action.kind === 'settle';
    const before = game;
    if (arena.isStill() && after > 0 && !silent) await arena.nextBlockAt(now + BigInt(after));
    const tried = silent ? undefined : await moveOnChain(arena[by], game, action);
    if (tried && 'hash' in tried) {
      const played = play(arena.rules, { game, move: action as Move, by, now: await timeOf(arena, tried) });
      if (!('game' in played)) throw new Error(`the chain took a move that the rules refuse with ${played.refusal}: ${(action as Move).kind}`);
      game = played.game;
      moves.push({ by, kind: (action as Move).kind, sent: tried });
      deepStrictEqual(gameIn(tried), game);
      const nodes = action.kind === 'revealSteps' ? action.states : 'nodes' in action ? action.nodes : undefined;
      if (nodes) reveals.push({ nodes, game });
    } else {
      if (tried) {
        refused.push({ by, refusal: tried.refusal });
        deepStrictEqual(play(arena.rules, { game, move: action as Move, by, now }), { refusal: tried.refusal });
      }
      const other = by === 'executor' ? 'challenger' : 'executor';
      if (expiresAt(game) >= now) await arena.nextBlockAt(expiresAt(game) + 1n);
      const sent = await moveOnChain(arena[other], game, { kind: 'expire' });
      if (!('hash' in sent)) throw new Error(`expire was refused: ${sent.refusal}`);
      const ended = play(arena.rules, { game, move: { kind: 'expire' }, by: other, now: await timeOf(arena, sent) });
      if (!('game' in ended)) throw new Error(`the rules refuse to expire: ${ended.refusal}`);
      game = ended.game;
      moves.push({ by: other, kind: 'expire', sent });
    }
    notDeepStrictEqual(game, before);
    strictEqual(await arena.executor.disputes.stateOf(gameId), hashGame(game));
  }
  return { winner: winner(game)!, refused, moves, gameId, game, claim };
}
