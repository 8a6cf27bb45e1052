import { keccak256, numberToHex, type Address, type Hex } from 'viem';
import { ZERO_ROOT, type Root } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import { gameIdOf, hashGame, isOver, mover, newGame, packGame, PHASE, play, type Game, type Happening, type Move } from '#core/dispute';
import { AssayError, claimDigest, exposureLimit, exposureOf, type Claim, type NetworkId } from '#core/protocol';

export const NETWORK: NetworkId = { chainId: 31_337, disputes: '0x00000000000000000000000000000000000000d1' };
export const TERMS = { window: 30n, rate: 2n ** 31n, bountyBps: 5_000, clock: 60, extension: 30, payoutDelay: 2, beaconDelay: 1 } as const;
const SETTLED: Root = `0x${'00'.repeat(31)}01`;
const RULES = { network: NETWORK, extension: TERMS.extension, operatorOf: operatorByCode };
const lower = (address: string) => address.toLowerCase();

export interface Plan {
  readonly root: Root;
  readonly count: number;
  readonly totals: readonly { readonly executor: Address; readonly fees: bigint; readonly insuredValue: bigint }[];
  readonly charges: readonly { readonly submitter: Address; readonly amount: bigint }[];
}

export interface Batch extends Plan {
  readonly batchId: bigint;
  readonly coordinator: Address;
  readonly committedBlock: bigint;
  readonly committedAt: bigint;
}

export interface Logged {
  readonly event: { readonly eventName: string; readonly args: object; readonly blockNumber: bigint; readonly transactionHash: Hex; readonly logIndex: number };
  readonly happening?: { readonly gameId: Root; readonly block: bigint; readonly tx: Hex; readonly happening: Happening };
}

/** The block a transaction is in. */
export interface At {
  readonly block: bigint;
  readonly time: bigint;
}

interface Entry {
  readonly game: Game;
  readonly claim: Claim;
  readonly state: Root;
}

export interface Accusation {
  readonly claim: Claim;
  readonly isSigned: boolean;
  readonly valueCount: number;
}

/** The contracts' storage, as far as honest and lying parties reach it; games by the rules of #core/dispute. A copy is a block's state. */
export class Contracts {
  readonly stakes: Map<string, bigint>;
  readonly forfeited: Map<string, bigint>;
  readonly batches: Batch[];
  readonly games: Map<Root, Entry>;
  readonly overturned: Set<Root>;
  readonly logs: Logged[];
  private readonly nonces: Map<string, number>;

  constructor(from?: Contracts) {
    this.stakes = new Map(from?.stakes);
    this.forfeited = new Map(from?.forfeited);
    this.batches = [...(from?.batches ?? [])];
    this.games = new Map(from?.games);
    this.overturned = new Set(from?.overturned);
    this.logs = [...(from?.logs ?? [])];
    this.nonces = new Map(from?.nonces);
  }

  nonceOf(account: Address): number {
    return this.nonces.get(account) ?? 0;
  }

  stakeOf(executor: Address): bigint {
    return this.stakes.get(lower(executor)) ?? 0n;
  }

  stateOf(gameId: Root): Root {
    return this.games.get(gameId)?.state ?? ZERO_ROOT;
  }

  exposure(executor: Address, now: bigint): bigint {
    const open = this.batches.filter(({ committedAt }) => committedAt + 2n * TERMS.window > now);
    return open.flatMap(({ totals }) => totals).filter((total) => lower(total.executor) === lower(executor)).reduce((sum, total) => sum + exposureOf({ insuredValue: total.insuredValue, fee: total.fees }, TERMS.rate), 0n);
  }

  burn(account: Address, nonce: number): void {
    if (this.nonceOf(account) === nonce) this.nonces.set(account, nonce + 1);
  }

  commit(at: At, coordinator: Address, { plan, nonce }: { plan: Plan; nonce: number }): Batch {
    const used = this.nonceOf(coordinator);
    if (nonce !== used) throw new AssayError({ code: 'TRANSACTION_FAILED', message: `nonce ${nonce}, expected ${used}` });
    for (const { executor, insuredValue, fees } of plan.totals) {
      const limit = exposureLimit(this.stakeOf(executor), TERMS.rate, TERMS.bountyBps);
      if (this.exposure(executor, at.time) + exposureOf({ insuredValue, fee: fees }, TERMS.rate) > limit) throw new AssayError({ code: 'CHAIN_REVERTED', message: 'StakeTooLow', facts: { args: [executor] } });
    }
    this.nonces.set(coordinator, used + 1);
    const batch = { ...plan, batchId: BigInt(this.batches.length + 1), coordinator, committedBlock: at.block, committedAt: at.time };
    this.batches.push(batch);
    this.log(at, 'BatchCommitted', { batchId: batch.batchId, root: batch.root, count: batch.count, coordinator, batch });
    return batch;
  }

  open(at: At, challenger: Address, { claim, isSigned, valueCount }: Accusation): void {
    const digest = claimDigest(NETWORK, claim);
    const gameId = gameIdOf(digest, challenger);
    if (this.games.has(gameId) || this.stakeOf(claim.executor) === 0n || !isSigned) throw reverted('AlreadyOpen');
    const game = newGame({ claim: digest, executor: claim.executor, challenger, outputRoot: claim.outputRoot, valueCount, now: at.time, clock: TERMS.clock });
    this.games.set(gameId, { game, claim, state: hashGame(game) });
    this.log(at, 'Opened', { gameId, claim: digest, executor: claim.executor, challenger, claimed: claim, game: packGame(game) }, { gameId, happening: { kind: 'opened', claim, game } });
  }

  move(at: At, account: Address, { game, move }: { game: Game; move: Move }): void {
    const gameId = gameIdOf(game.claim, game.challenger);
    const entry = this.games.get(gameId);
    if (!entry || entry.state !== hashGame(game)) throw reverted('WrongState');
    const by = mover(game);
    const isMover = by !== undefined && lower(account) === lower(by === 'executor' ? game.executor : game.challenger);
    if (move.kind !== 'expire' && !isMover) throw reverted('NotYourTurn');
    const played = play(RULES, { game, move, by: by ?? 'executor', now: at.time });
    if (!('game' in played)) throw reverted(played.refusal);
    this.games.set(gameId, { ...entry, game: played.game, state: hashGame(played.game) });
    const args = { gameId, game: packGame(played.game) };
    const nodes = move.kind === 'revealSteps' ? move.states : 'nodes' in move ? move.nodes : undefined;
    if (isOver(played.game)) {
      if (played.game.phase === PHASE.executorLost) this.overturned.add(game.claim);
      this.log(at, 'Ended', args, { gameId, happening: { kind: 'ended', fault: move.kind === 'prove' ? move.fault : 'silence', game: played.game } });
    } else if (nodes) this.log(at, 'Revealed', args, { gameId, happening: { kind: 'revealed', nodes, game: played.game } });
    else this.log(at, 'Chosen', args, { gameId, happening: { kind: 'chosen', game: played.game } });
  }

  settle(at: At, game: Game): void {
    const gameId = gameIdOf(game.claim, game.challenger);
    const entry = this.games.get(gameId);
    if (!entry || entry.state !== hashGame(game) || !isOver(game)) throw reverted('WrongState');
    if (at.time < game.movedAt + BigInt(TERMS.payoutDelay)) throw reverted('PayoutPending');
    this.games.set(gameId, { ...entry, state: SETTLED });
    const executor = lower(game.executor);
    if (game.phase === PHASE.executorLost) {
      this.forfeited.set(executor, (this.forfeited.get(executor) ?? 0n) + (this.stakes.get(executor) ?? 0n));
      this.stakes.set(executor, 0n);
    }
    this.log(at, 'Settled', { gameId }, { gameId, happening: { kind: 'settled' } });
  }

  private log({ block }: At, eventName: string, args: object, own?: { gameId: Root; happening: Happening }): void {
    const logIndex = this.logs.length;
    const transactionHash = keccak256(numberToHex((block << 32n) | BigInt(logIndex), { size: 32 }));
    this.logs.push({ event: { eventName, args, blockNumber: block, transactionHash, logIndex }, ...(own ? { happening: { ...own, block, tx: transactionHash } } : {}) });
  }
}

function reverted(errorName: string): AssayError {
  return new AssayError({ code: 'CHAIN_REVERTED', message: errorName, facts: { error: errorName } });
}
