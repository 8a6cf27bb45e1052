import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Misbehaviour, Random } from '#testing';
import type { Scene } from './scene.js';
import type { Kind, Unit } from './unit.js';

/** What can happen to a network; a deck has each so often. */
type Card = { readonly how: 'kill' | 'pause' | 'rpc'; readonly kind: Kind } | { readonly how: 'model' | 'database' | 'connections' | 'rpc-all' };
type Deck = readonly (readonly [number, Card])[];

const FULL: Deck = [
  [4, { how: 'kill', kind: 'coordinator' }],
  [4, { how: 'kill', kind: 'executor' }],
  [2, { how: 'kill', kind: 'cheater' }],
  [3, { how: 'kill', kind: 'challenger' }],
  [1, { how: 'kill', kind: 'accuser' }],
  [1, { how: 'kill', kind: 'gateway' }],
  [2, { how: 'kill', kind: 'broker' }],
  [1, { how: 'model' }],
  [1, { how: 'database' }],
  [2, { how: 'connections' }],
  [3, { how: 'pause', kind: 'coordinator' }],
  [3, { how: 'pause', kind: 'executor' }],
  [1, { how: 'pause', kind: 'cheater' }],
  [2, { how: 'pause', kind: 'challenger' }],
  [1, { how: 'pause', kind: 'gateway' }],
  [1, { how: 'pause', kind: 'broker' }],
  [1, { how: 'pause', kind: 'chain' }],
  [2, { how: 'rpc', kind: 'coordinator' }],
  [1, { how: 'rpc', kind: 'executor' }],
  [1, { how: 'rpc', kind: 'cheater' }],
  [2, { how: 'rpc', kind: 'challenger' }],
  [1, { how: 'rpc-all' }],
];

/** Everything once that the short form has time for. */
const SHORT: Deck = [
  ...(['coordinator', 'executor', 'cheater', 'challenger', 'gateway', 'broker'] as const).map((kind) => [1, { how: 'kill', kind }] as const),
  [1, { how: 'database' }],
  [1, { how: 'model' }],
  ...(['coordinator', 'executor', 'challenger', 'chain'] as const).map((kind) => [1, { how: 'pause', kind }] as const),
  [1, { how: 'rpc', kind: 'coordinator' }],
  [1, { how: 'rpc-all' }],
];

const OUTAGES: readonly Misbehaviour[] = [{ cut: true }, { status: 503 }, { status: 429 }, { delayMs: 2_500 }, { swallowAnswers: true }];
const DOWN_MS = 1_500;
const PAUSE_MS = [300, 4_500] as const;
const OUTAGE_MS = [500, 5_000] as const;

export interface Strikes {
  readonly kill: number;
  readonly pause: number;
  readonly outage: number;
}

/** Strikes one process after the other, as a seed has it. */
export class Weather {
  private readonly deck: Card[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private crashing: Promise<void> = Promise.resolve();
  readonly byCard = new Map<string, number>();
  count = 0;

  constructor(
    private readonly scene: Scene,
    private readonly random: Random,
    private readonly form: 'short' | 'full',
  ) {}

  /** Draws what happens next and lets it happen. WHY the values are drawn before the victim is looked for: the plan is the seed's alone. */
  async strike(): Promise<void> {
    const card = this.draw();
    const chosen = this.random.next();
    const span = this.random.next();
    const outage = this.random.pick(OUTAGES);
    const kinds: readonly Kind[] = 'kind' in card ? [card.kind] : card.how === 'model' ? ['executor', 'challenger'] : [];
    const unit = kinds.length > 0 ? await this.victim(kinds, chosen) : undefined;
    const event = this.happen(card, unit, { span, outage });
    this.count++;
    const name = 'kind' in card ? `${card.how} ${card.kind}` : card.how;
    this.byCard.set(name, (this.byCard.get(name) ?? 0) + 1);
    const done: Promise<void> = event.catch(() => {}).finally(() => this.underWay.delete(done));
    this.underWay.add(done);
  }

  /** Resolves when everything that was struck is back. */
  async calm(): Promise<void> {
    await Promise.all(this.underWay);
  }

  get totals(): Strikes {
    const sum = (test: RegExp) => [...this.byCard].reduce((total, [name, count]) => total + (test.test(name) ? count : 0), 0);
    return { kill: sum(/^(kill|model)/), pause: sum(/^pause/), outage: sum(/^(rpc|database|connections)/) };
  }

  private draw(): Card {
    if (this.deck.length === 0) {
      const cards = (this.form === 'short' ? SHORT : FULL).flatMap(([times, card]) => Array.from({ length: times }, () => card));
      while (cards.length > 0) this.deck.push(cards.splice(this.random.between(0, cards.length), 1)[0]!);
    }
    return this.deck.pop()!;
  }

  /** Lasts until it is well again. */
  private async happen(card: Card, unit: Unit | undefined, given: { span: number; outage: Misbehaviour }): Promise<void> {
    if (card.how === 'database') return this.crashDatabase(given.span * DOWN_MS);
    if (card.how === 'connections') return this.scene.cutConnections();
    if (card.how === 'rpc-all') return this.cutAll(within(OUTAGE_MS, given.span));
    if (!unit) return;
    unit.isHit = true;
    return this.hit(unit, card.how, given).finally(() => (unit.isHit = false));
  }

  private async hit(unit: Unit, how: Card['how'], { span, outage }: { span: number; outage: Misbehaviour }): Promise<void> {
    if (how === 'kill') return unit.kill(span * DOWN_MS);
    if (how === 'pause') return unit.pause(within(PAUSE_MS, span));
    if (how === 'model') return killModelOf(unit);
    const { behaviour } = unit.options.proxy!;
    Object.assign(behaviour, outage);
    await sleep(within(OUTAGE_MS, span));
    for (const fault of Object.keys(outage) as (keyof Misbehaviour)[]) delete behaviour[fault];
  }

  /** WHY a while: every process of a kind may be down at this moment. Undefined if there is none of the kind any more. */
  private async victim(kinds: readonly Kind[], chosen: number): Promise<Unit | undefined> {
    for (let tries = 0; tries < 600; tries++) {
      const units = this.scene.of(...kinds);
      const ready = units.filter((unit) => unit.isUp && !unit.isHit);
      if (ready.length > 0) return ready[Math.floor(chosen * ready.length)]!;
      if (tries > 20 && units.every((unit) => !unit.isUp && !unit.isHit)) kinds = ['executor'];
      await sleep(100);
    }
    return undefined;
  }

  /** WHY one after the other: two servers must not start in one folder. */
  private crashDatabase(downMs: number): Promise<void> {
    const { postgres } = this.scene;
    const crashed = this.crashing.then(async () => {
      await postgres.crash();
      await sleep(downMs);
      await postgres.restart();
    });
    this.crashing = crashed.catch(() => {});
    return crashed;
  }

  private async cutAll(ms: number): Promise<void> {
    const proxies = this.scene.proxies.filter(({ behaviour }) => Object.keys(behaviour).length === 0);
    for (const { behaviour } of proxies) behaviour.cut = true;
    await sleep(ms);
    for (const { behaviour } of proxies) delete behaviour.cut;
  }
}

function within([from, to]: readonly [number, number], share: number): number {
  return from + share * (to - from);
}

/** SIGKILL for a process that the unit itself started, if it has one: that of a model. */
async function killModelOf(unit: Unit): Promise<void> {
  const { pid } = unit;
  if (pid === undefined) return;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
  const child = children[0];
  if (child !== undefined) process.kill(child, 'SIGKILL');
}
