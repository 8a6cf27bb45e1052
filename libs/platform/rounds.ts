import { systemClock } from './clock.js';

/** Rounds of work, one after the other with pauses between them, from start to stop. */
export class Rounds {
  private running: Promise<void> | undefined;
  private stopping = false;
  private pause = new AbortController();

  /** @param round does not throw. @returns milliseconds until the next */
  constructor(private readonly round: () => Promise<number>) {}

  /** A round may end early once this is true. */
  get isStopping(): boolean {
    return this.stopping;
  }

  start(): void {
    this.running = this.run();
  }

  /** Ends the pause, if there is one now. */
  wake(): void {
    this.pause.abort();
  }

  /** Resolves when the round under way is over. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      const ms = await this.round();
      if (ms <= 0 || this.stopping) continue;
      this.pause = new AbortController();
      await systemClock.sleep(ms, this.pause.signal);
    }
  }
}
