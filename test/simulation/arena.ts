import { bytesToHex, createTestClient, http, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { listRoot, tensorRoot, type Root } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import { AssayError, claimDigest, claimTypedData, type Claim } from '#core/protocol';
import { gameIdOf, hashGame, modelOf, newGame, type Game, type Move, type Rules } from '#core/dispute';
import type { TraceReader } from '#core/trace';
import { connectChain, deployContracts, gamesOn, happeningOf, LOCAL_PARAMETERS, parseEvents, type Chain, type Sent } from '#io/chain';
import { startAnvil, type Random, type RunningAnvil } from '#testing';

/** Keys of anvil's own accounts (its fixed test mnemonic, addresses 0 to 2). */
export const KEYS = {
  deployer: '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  executor: '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  challenger: '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
} as const satisfies Record<string, Hex>;

const STAKE = 10n ** 24n;

/** A chain with the real contracts, an executor with stake, a challenger with money, and the rules they play by. */
export interface Arena {
  readonly anvil: RunningAnvil;
  readonly executor: Chain;
  readonly challenger: Chain;
  readonly rules: Rules;
  readonly parameters: typeof LOCAL_PARAMETERS.disputes;
  stop(): Promise<void>;
  /** Moves the chain's clock. */
  pass(seconds: bigint): Promise<void>;
  /** From now on blocks come with transactions only, and not every second by themselves: then a player can move in the very second it wants. */
  holdStill(): Promise<void>;
  isStill(): boolean;
  /** The time of the next block, in seconds since 1970. */
  nextBlockAt(time: bigint): Promise<void>;
}

export async function startArena(logFile: string, change: Partial<Arena['parameters']> = {}): Promise<Arena> {
  const anvil = await startAnvil({ logFile });
  const parameters = { ...LOCAL_PARAMETERS.disputes, ...change };
  const deployment = await deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: KEYS.deployer, parameters: { ...LOCAL_PARAMETERS, disputes: parameters } });
  const connect = (privateKey: Hex) => connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey });
  const [executor, challenger] = await Promise.all([connect(KEYS.executor), connect(KEYS.challenger)]);
  for (const chain of [executor, challenger]) {
    await chain.token.mint(chain.account!, 2n * STAKE);
    await chain.vault.deposit(chain.account!, STAKE);
  }
  await executor.vault.stake(STAKE);
  const clock = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
  let still = false;
  return {
    anvil,
    executor,
    challenger,
    rules: { network: executor.network, extension: parameters.extension, operatorOf: (code) => operatorByCode(code) },
    parameters,
    stop: () => anvil.stop(),
    async holdStill() {
      still = true;
      await clock.setIntervalMining({ interval: 0 });
      await clock.setAutomine(true);
    },
    isStill: () => still,
    nextBlockAt: (time) => clock.setNextBlockTimestamp({ timestamp: time }),
    async pass(seconds) {
      await clock.increaseTime({ seconds: Number(seconds) });
      await clock.mine({ blocks: 1 });
    },
  };
}

/** What is claimed: a job (the model and inputs of an honest run) and its alleged output. */
export interface Alleged {
  readonly honest: TraceReader;
  readonly outputRoot: Root;
  readonly random: Random;
}

/** A claim of the arena's executor, signed; the job's id is a random one. */
export async function signedClaim({ executor, challenger }: Arena, { honest, outputRoot, random }: Alleged): Promise<{ claim: Claim; signature: Hex }> {
  const claim: Claim = {
    jobId: bytesToHex(random.bytes(32)),
    modelId: honest.model.modelId,
    inputRoot: listRoot(honest.inputs.map(tensorRoot)),
    outputRoot,
    executor: executor.account!,
    coordinator: challenger.account!,
    fee: 1n,
    insuredValue: 10n,
  };
  const signature = await privateKeyToAccount(KEYS.executor).signTypedData(claimTypedData(executor.network, claim));
  return { claim, signature };
}

/** Opens a game on the chain; the state it leads to by the TypeScript rules is the chain's. */
export async function openOnChain(arena: Arena, alleged: Alleged): Promise<{ claim: Claim; game: Game; gameId: Hex; sent: Sent }> {
  const { claim, signature } = await signedClaim(arena, alleged);
  const { model } = alleged.honest;
  const sent = await arena.challenger.disputes.open(claim, signature, modelOf(model));
  const digest = claimDigest(arena.rules.network, claim);
  const gameId = gameIdOf(digest, arena.challenger.account!);
  const { executor, outputRoot } = claim;
  const game = newGame({ claim: digest, executor, challenger: arena.challenger.account!, outputRoot, valueCount: model.valueCount, now: await timeOf(arena, sent), clock: arena.parameters.clock });
  if ((await arena.executor.disputes.stateOf(gameId)) !== hashGame(game)) throw new Error('the chain opened another game than the rules');
  return { claim, game, gameId, sent };
}

export async function timeOf({ executor }: Arena, { block }: Sent): Promise<bigint> {
  return (await executor.client.getBlock({ blockNumber: block })).timestamp;
}

/** Sends a move; what the chain says: the transaction, or the name of the error it refused with. */
export async function moveOnChain(chain: Chain, game: Game, move: Move): Promise<Sent | { refusal: string }> {
  try {
    return await gamesOn(chain).sender.move(game, move);
  } catch (error) {
    if (error instanceof AssayError && error.code === 'CHAIN_REVERTED') return { refusal: String(error.facts['error']) };
    throw error;
  }
}

/** The game that a transaction's event carries. */
export function gameIn(sent: Sent): Game {
  const [happening] = parseEvents(sent.receipt.logs).flatMap((event) => happeningOf(event)?.happening ?? []);
  if (!happening || happening.kind === 'settled') throw new Error('the transaction has no event with a game');
  return happening.game;
}
