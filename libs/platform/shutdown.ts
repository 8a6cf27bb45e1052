import type { Logger } from 'pino';

type Stop = () => Promise<void> | void;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Stops a process in order: what was registered last stops first, each within the one time bound; then the process exits,
 * whatever handles are still open.
 */
export class Shutdown {
  private readonly stops: { name: string; stop: Stop }[] = [];
  private running: Promise<void> | undefined;

  constructor(
    private readonly log: Logger,
    private readonly boundMs = 5_000,
    private readonly exit: (code: number) => void = (code) => process.exit(code),
  ) {}

  /** Registers a step; steps run in reverse order of registration, one after the other. */
  onShutdown(name: string, stop: Stop): void {
    this.stops.push({ name, stop });
  }

  /** Starts listening to SIGINT and SIGTERM. A second signal exits at once. */
  listen(): void {
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (this.running) return this.exit(1);
        this.log.info({ event: 'stopping', signal }, `${signal}: stopping`);
        void this.shutdown(0);
      });
    }
  }

  /** Runs every step and exits; calling it again returns the same run. */
  shutdown(code: number): Promise<void> {
    this.running ??= this.run(code);
    return this.running;
  }

  private async run(code: number): Promise<void> {
    const timer = setTimeout(() => {
      this.log.error({ event: 'stop.forced', boundMs: this.boundMs }, 'did not stop in time; exiting');
      this.exit(1);
    }, this.boundMs);
    for (const { name, stop } of [...this.stops].reverse()) await this.runStep(name, stop);
    clearTimeout(timer);
    this.exit(code);
  }

  private async runStep(name: string, stop: Stop): Promise<void> {
    try {
      await stop();
    } catch (err) {
      // WHY: a step that fails must not keep the ones after it from releasing their resources.
      this.log.error({ event: 'stop.failed', step: name, err }, `stopping ${name} failed`);
    }
  }
}
