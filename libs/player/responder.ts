import { hashGame, idleAction, isOver, solve, winner, type Action, type Move } from '#core/dispute';
import { AssayError } from '#core/protocol';
import type { OwnGame } from './book.js';
import type { Report } from './events.js';
import type { ChainView, InclusionSource, MoveReceipt, MoveSender, TraceSource } from './ports.js';

export interface ResponderOptions {
  readonly chain: ChainView;
  readonly sender: MoveSender;
  readonly traces: TraceSource;
  readonly inclusions?: InclusionSource;
  readonly payoutDelay: number;
  /** Told that the chain has another state of a game than its events led to. */
  readonly onContradiction?: (own: OwnGame) => void;
  /** Decides and says what it would do, and does nothing. */
  readonly watchOnly?: boolean;
  readonly report: Report;
  /** Milliseconds on any clock that runs steadily; for reports only. */
  readonly millis: () => number;
}

/** When to look at a game again: at once, when something new happened, or at a time (chain seconds). */
export type Next = { readonly when: 'now' | 'changed' | 'later' } | { readonly when: 'at'; readonly time: bigint };

const CHANGED: Next = { when: 'changed' };
/**
 * WHY also after a move that was made: until its event is read a reorganisation can take it back unseen, and then nothing ever changes.
 * The event ends the waiting; without one the chain is asked whether the move is still to be made.
 */
const LATER: Next = { when: 'later' };

/** Chain seconds between looks at payouts that are held up: a guardian may let them go before the time it named. */
const PAUSE_LOOK_S = 60n;

/** Chain seconds between looks at the state of a game in which the other side has to move. */
const STATE_LOOK_S = 30n;

/** Reverts that say the chain knows a newer state than this player: reading on will help. */
const STALE: ReadonlySet<string> = new Set(['WrongState', 'NotYourTurn', 'WrongPhase', 'AlreadySettled']);
/** Reverts that pass with time. */
const EARLY: ReadonlySet<string> = new Set(['ClockRunning', 'PayoutPending']);

/** Decides and makes one player's move in one game, if there is one to make. */
export async function respond(own: OwnGame, options: ResponderOptions): Promise<Next> {
  const action = await decide(own, options);
  switch (action.kind) {
    case 'wait':
      if (isOver(own.known.game) || (await fits(own, options))) return { when: 'at', time: action.until };
      return LATER;
    case 'concede':
      options.report({ kind: 'conceded', gameId: own.gameId, role: own.role, reason: action.reason });
      return CHANGED;
    case 'traceless':
      return LATER;
    default:
      if (!options.watchOnly) return act(own, action, options);
      options.report({ kind: 'withheld', gameId: own.gameId, role: own.role, move: action.kind });
      return CHANGED;
  }
}

async function decide({ gameId, role, known }: OwnGame, options: ResponderOptions): Promise<Action | { kind: 'traceless' }> {
  const { game, claim, reveals } = known;
  const [now, pausedUntil] = await Promise.all([options.chain.now(), isOver(game) ? options.chain.pausedUntil() : 0n]);
  const turn = { game, role, now, payoutDelay: options.payoutDelay, pausedUntil };
  const idle = idleAction(turn);
  // WHY: the loser gains nothing by settling, and two players settling at once would only refuse each other.
  if (idle?.kind === 'settle' && winner(game) !== role) return { kind: 'wait', until: turn.now + BigInt(60 + options.payoutDelay) };
  if (idle?.kind === 'wait' && pausedUntil > now) return { kind: 'wait', until: least(idle.until, now + PAUSE_LOOK_S) };
  if (idle?.kind === 'wait' && !isOver(game)) return { kind: 'wait', until: least(idle.until, now + STATE_LOOK_S) };
  if (idle) return idle;
  try {
    const trace = await options.traces.traceFor(game.claim, claim);
    if (trace !== 'unknown') return solve({ ...turn, claim, trace, reveals });
    options.report({ kind: 'traceless', gameId, role });
  } catch (error) {
    options.report({ kind: 'traceless', gameId, role, error });
  }
  return { kind: 'traceless' };
}

async function act(own: OwnGame, action: Move | { kind: 'settle' }, options: ResponderOptions): Promise<Next> {
  const { gameId, role } = own;
  const started = options.millis();
  try {
    // WHY: a move already made, by this process before a crash or by an earlier attempt, must not be made again.
    if (!(await fits(own, options))) return LATER;
    const receipt = await send(own, action, options);
    options.report({ kind: 'moved', gameId, role, move: action.kind, block: receipt.block, tx: receipt.hash, gas: receipt.gasUsed, millis: options.millis() - started });
    if (action.kind === 'settle') await compensate(own, options);
    return LATER;
  } catch (error) {
    const again = triageFailure(error);
    options.report({ kind: 'failed', gameId, role, move: action.kind, again, error });
    return again === 'never' ? CHANGED : LATER;
  }
}

/** Whether the chain has the state that its events led to. WHY asked while waiting too: an endpoint may leave events out. */
async function fits(own: OwnGame, { chain, onContradiction }: ResponderOptions): Promise<boolean> {
  const fit = (await chain.stateOf(own.gameId)) === hashGame(own.known.game);
  if (!fit) onContradiction?.(own);
  return fit;
}

function send({ known: { game } }: OwnGame, action: Move | { kind: 'settle' }, { sender }: ResponderOptions): Promise<MoveReceipt> {
  return action.kind === 'settle' ? sender.settle(game) : sender.move(game, action);
}

/** Pays the wronged submitter. WHY no more than one attempt: the money is its own, and anybody can have it paid out later. */
async function compensate({ gameId, role, known: { claim } }: OwnGame, { sender, inclusions, report, millis }: ResponderOptions): Promise<void> {
  const started = millis();
  try {
    const inclusion = role === 'challenger' ? await inclusions?.inclusionOf(claim) : undefined;
    if (!inclusion) return;
    const receipt = await sender.compensate(claim, inclusion);
    report({ kind: 'moved', gameId, role, move: 'compensate', block: receipt.block, tx: receipt.hash, gas: receipt.gasUsed, millis: millis() - started });
  } catch (error) {
    report({ kind: 'failed', gameId, role, move: 'compensate', again: 'never', error });
  }
}

/** What to do about a failed move: read on and answer the newer state, try again later, or not in this state. */
export function triageFailure(error: unknown): 'now' | 'later' | 'never' {
  if (!(error instanceof AssayError)) return 'later';
  if (error.code !== 'CHAIN_REVERTED') return 'later';
  const name = String(error.facts['error']);
  if (STALE.has(name)) return 'now';
  return EARLY.has(name) ? 'later' : 'never';
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
