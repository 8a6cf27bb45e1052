import type { Root } from '#core/hashing';
import type { Claim } from '#core/protocol';
import type { TraceReader } from '#core/trace';
import { gamesOn, type Chain } from '#io/chain';
import { createPlayer, type Player, type PlayerEvent } from '#player';
import type { Arena } from './arena.js';

/** Traces by claim digest, as the two sides hold them. */
export type Traces = ReadonlyMap<Root, () => Promise<TraceReader | 'unknown'>>;

export interface Seated {
  readonly player: Player;
  readonly events: PlayerEvent[];
  stop(): Promise<void>;
}

/** A real player for one side of the arena, not yet started. */
export function seat({ parameters }: Arena, chain: Chain, traces: Traces): Seated {
  const { feed, sender, view } = gamesOn(chain);
  const events: PlayerEvent[] = [];
  const player = createPlayer({
    account: chain.account!,
    feed,
    sender,
    chain: view,
    traces: { traceFor: async (digest: Root, _: Claim) => (await traces.get(digest)?.()) ?? 'unknown' },
    payoutDelay: parameters.payoutDelay,
    fromBlock: BigInt(chain.deployment.deployedBlock),
    report: (event) => void (event.kind === 'feedFailed' || events.push(event)),
    millis: () => performance.now(),
  });
  return { player, events, stop: () => player.stop() };
}

/** Waits until something is true, looking often; gives up after a time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
