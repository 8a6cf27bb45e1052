import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child, type ChildOptions } from './child.js';

const MAX_RESTARTS = 5;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 8_000;
/** A process that ran this long starts with a clean slate. */
const STABLE_MS = 60_000;

export interface SupervisedOptions extends ChildOptions {
  /** Told in one line whenever the process ends unasked, comes back, or is given up. */
  readonly report: (line: string) => void;
}

/** Keeps one process running: restarts it with growing delays, a bounded number of times. */
export class Supervised {
  private stopping = false;
  private restarts = 0;

  private constructor(
    private readonly options: SupervisedOptions,
    private child: Child,
  ) {
    void this.watch();
  }

  static async start(options: SupervisedOptions): Promise<Supervised> {
    return new Supervised(options, await startChild(options));
  }

  get name(): string {
    return this.options.name;
  }

  get current(): Child {
    return this.child;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.child.stop();
  }

  private async watch(): Promise<void> {
    while (!this.stopping) {
      const started = Date.now();
      const how = await this.child.ended;
      if (this.stopping) return;
      if (Date.now() - started > STABLE_MS) this.restarts = 0;
      this.options.report(`${this.name} ended (${how}), see ${this.options.logFile}`);
      if (!(await this.restart())) return;
    }
  }

  private async restart(): Promise<boolean> {
    for (; this.restarts < MAX_RESTARTS; ) {
      await sleep(Math.min(FIRST_DELAY_MS * 2 ** this.restarts++, MAX_DELAY_MS));
      if (this.stopping) return false;
      try {
        this.child = await startChild(this.options);
        if (this.stopping) await this.child.stop();
        else this.options.report(`${this.name} runs again`);
        return !this.stopping;
      } catch (error) {
        this.options.report((error as Error).message);
      }
    }
    this.options.report(`${this.name} is given up after ${MAX_RESTARTS} restarts`);
    return false;
  }
}
