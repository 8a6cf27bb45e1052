import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '#testing';
import type { Cluster } from './cluster.js';
import { HOSTS } from './wire.js';

export interface Fault {
  readonly name: string;
  strike(): void | Promise<void>;
  mend(): void | Promise<void>;
}

/** One of each kind, in an order and at places that follow from the numbers. */
export function faultsOf({ wire, brokers, coordinators }: Cluster, random: Random): Fault[] {
  const host = random.pick(HOSTS);
  const [from, to] = shuffled(HOSTS, random);
  const broker = brokers[random.pick(HOSTS)];
  const coordinator = random.pick(coordinators);
  return shuffled(
    [
      { name: `cut ${host}`, strike: () => wire.cut(host), mend: () => wire.heal() },
      { name: `wall ${from} ${to}`, strike: () => wire.wall(from!, to!), mend: () => wire.heal() },
      { name: `kill ${broker.name}`, strike: () => broker.kill(), mend: () => broker.start() },
      { name: `kill ${coordinator.name}`, strike: () => coordinator.kill(), mend: () => coordinator.start() },
    ],
    random,
  );
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items.map((item) => ({ item, at: random.next() })).sort((a, b) => a.at - b.at).map(({ item }) => item);
}

/** Strikes, waits, mends, lets it heal. */
export async function suffer(fault: Fault, { lastsMs, healsMs }: { readonly lastsMs: number; readonly healsMs: number }): Promise<void> {
  await fault.strike();
  await sleep(lastsMs);
  await fault.mend();
  await sleep(healsMs);
}
