import { AssayError } from '#core/protocol';
import type { Random } from '#testing';
import type { Life, VirtualTime } from './time.js';

export type Place = 'database' | 'chain' | 'broker';
const CODES = { database: 'DATABASE_UNREACHABLE', chain: 'CHAIN_UNREACHABLE', broker: 'PEER_SILENT' } as const;
/** Milliseconds a call takes one way, from and to, by the kind of network; where they differ much, calls overtake each other. */
const DELAYS_MS = [[1, 25], [1, 25], [1, 400], [50, 900]] as const;
/** Of the requests over the broker so many come twice. */
const TWICE = 0.05;

/** What lies between processes: every call takes a while on its way there and back, and may be lost on either. */
export class Links {
  private readonly down = new Map<string, number>();
  private readonly delay: readonly [number, number];

  constructor(
    readonly time: VirtualTime,
    private readonly random: Random,
  ) {
    this.delay = random.pick(DELAYS_MS);
  }

  /** How often a request arrives. */
  copies(): number {
    return this.random.next() < TWICE ? 2 : 1;
  }

  /** Nobody reaches the place, or only this life does not, for so long. */
  cut(place: Place, ms: number, life?: Life): void {
    this.down.set(`${place}/${life?.name ?? ''}`, this.time.now + ms);
  }

  /** Does the work at the place, at one moment. WHY the second check: what was done there may not be heard of here. */
  async call<T>(place: Place, work: () => T | Promise<T>): Promise<T> {
    await this.way(place);
    const result = await work();
    await this.way(place);
    return result;
  }

  private async way(place: Place): Promise<void> {
    await this.time.sleep(this.random.between(...this.delay));
    const life = this.time.life;
    const isDown = (key: string) => (this.down.get(key) ?? 0) > this.time.now;
    if (isDown(`${place}/`) || isDown(`${place}/${life?.name}`)) throw new AssayError({ code: CODES[place] });
  }
}

/** An object whose methods are calls to the place. */
export function remote<T extends object>(links: Links, place: Place, target: T): T {
  return new Proxy(target, {
    get: (_, name) => {
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (...args: unknown[]) => links.call(place, () => member.apply(target, args) as unknown) : member;
    },
  });
}
