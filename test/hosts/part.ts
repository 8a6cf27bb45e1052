import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child, type ChildOptions } from '#testing';

const PAUSE_MS = 500;

/** A process as a service manager keeps it: whenever it ends, or does not start, it is started again, unless it is held down. */
export class Part {
  private wanted = true;
  private child: Child | undefined;
  private running: Promise<void> = Promise.resolve();
  starts = 0;

  constructor(private readonly options: ChildOptions) {}

  get name(): string {
    return this.options.name;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    this.wanted = true;
    this.running = this.keep();
    while (!this.child && this.wanted) await sleep(50);
  }

  /** kill −9, and stays down until it is started again. */
  kill(): Promise<void> {
    return this.end((child) => child.kill('SIGKILL'));
  }

  stop(): Promise<void> {
    return this.end((child) => child.stop());
  }

  private async end(how: (child: Child) => void | Promise<void>): Promise<void> {
    this.wanted = false;
    if (this.child) await how(this.child);
    await this.running;
  }

  private async keep(): Promise<void> {
    while (this.wanted) {
      const child = await startChild(this.options).catch(() => undefined);
      if (child) this.starts++;
      if (child && !this.wanted) child.kill('SIGKILL');
      this.child = child;
      await child?.ended;
      this.child = undefined;
      if (this.wanted) await sleep(PAUSE_MS);
    }
  }
}
