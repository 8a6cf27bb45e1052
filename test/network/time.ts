/** One run of one process: what it starts carries its mark, and dies with it. */
export interface Life {
  readonly name: string;
  alive: boolean;
  /** Virtual milliseconds until which it is stopped. */
  stoppedUntil: number;
}

interface Entry {
  at: number;
  readonly order: number;
  readonly life: Life | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

const START = 1_800_000_000_000;
const real = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, now: Date.now, performanceNow: performance.now.bind(performance) };

/**
 * A clock that jumps from one timer to the next, in place of the process's own. INVARIANT: between two timers everything that can go on
 * has gone on, so what happens depends on nothing but the order of timers.
 */
export class VirtualTime {
  private entries: Entry[] = [];
  private order = 0;
  now = START;
  /** Timers that went off. */
  steps = 0;
  /** Whose step is going on. WHY no AsyncLocalStorage: it took a quarter of the time; what a step leads to is over before the next one begins. */
  life: Life | undefined;

  /** Replaces timers and clocks of the whole process; gives back how to undo that. */
  install(): () => void {
    const after = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => this.handle(this.add(() => run(...args), ms));
    const every = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => this.every(() => run(...args), ms);
    const cancel = (handle: unknown) => void (handle as { cancel?: () => void } | undefined)?.cancel?.();
    Object.assign(globalThis, { setTimeout: after, setInterval: every, clearTimeout: cancel, clearInterval: cancel });
    Date.now = () => Math.floor(this.now);
    performance.now = () => this.now - START;
    return () => {
      Object.assign(globalThis, { setTimeout: real.setTimeout, setInterval: real.setInterval, clearTimeout: real.clearTimeout, clearInterval: real.clearInterval });
      Date.now = real.now;
      performance.now = real.performanceNow;
    };
  }

  /** A step of that life, or of nobody: everything that it leads to belongs to it. */
  start(life: Life | undefined, work: () => void, ms = 1): void {
    const before = this.life;
    this.life = life;
    this.add(work, ms);
    this.life = before;
  }

  /** SAFETY: what awaits a promise goes on in the step that settles it; one that another life settles is settled by a step of its own. */
  own<T extends unknown[]>(settle: (...values: T) => void): (...values: T) => void {
    const { life } = this;
    return (...values) => this.start(life, () => settle(...values));
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.add(resolve, ms));
  }

  /** Lets time pass until it holds, or the time is up. @returns whether it holds */
  async until(holds: () => boolean, limitMs: number): Promise<boolean> {
    const end = this.now + limitMs;
    for (;;) {
      await quiet();
      this.life = undefined;
      if (holds()) return true;
      const next = this.take();
      if (!next || next.at > end) return false;
      this.now = Math.max(this.now, next.at);
      this.steps++;
      this.life = next.life;
      next.run();
    }
  }

  private add(run: () => void, ms: number): Entry {
    const entry = { at: this.now + Math.max(1, Number(ms) || 0), order: this.order++, life: this.life, run, cancelled: false };
    insert(this.entries, entry);
    return entry;
  }

  private handle(entry: Entry) {
    return { cancel: () => void (entry.cancelled = true), ref() { return this; }, unref() { return this; }, hasRef: () => true };
  }

  private every(run: () => void, ms: number) {
    let current: Entry;
    let over = false;
    const again = () => {
      current = this.add(() => {
        run();
        if (!over) again();
      }, ms);
    };
    again();
    return { cancel: () => void ((over = true), (current.cancelled = true)), ref() { return this; }, unref() { return this; }, hasRef: () => true };
  }

  /** The next entry of somebody who lives; those of the stopped wait. */
  private take(): Entry | undefined {
    for (;;) {
      const entry = this.entries.pop();
      if (!entry || (!entry.cancelled && (entry.life?.alive ?? true) && (entry.life?.stoppedUntil ?? 0) <= entry.at)) return entry;
      if (!entry.cancelled && entry.life?.alive) {
        entry.at = entry.life.stoppedUntil;
        insert(this.entries, entry);
      }
    }
  }
}

/** Latest first, so that the next one is at the end. */
function insert(entries: Entry[], entry: Entry): void {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = entries[middle]!;
    if (other.at > entry.at || (other.at === entry.at && other.order > entry.order)) low = middle + 1;
    else high = middle;
  }
  entries.splice(low, 0, entry);
}

function quiet(): Promise<void> {
  return new Promise((resolve) => real.setImmediate(resolve));
}
