import type { Logger } from 'pino';

type Stop = () => Promise<void> | void;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** A process ends within this, whatever is under way; what starts it should wait longer before it kills. */
const STOP_WITHIN_MS = 20_000;
/** Of it, for work under way: jobs, calls. */
export const GRACE_MS = 4_000;
/** And for what can be left as it is, because the next start goes on there: moves sent, batches sent, checks. */
export const PATIENCE_MS = 2_000;

/**
 * Stops a process in order: what was registered last stops first, each within the one time bound; then the process exits,
 * whatever handles are still open.
 */
export class Shutdown {
  private readonly stops: { name: string; stop: Stop; withinMs: number | undefined }[] = [];
  private running: Promise<void> | undefined;

  constructor(
    private readonly log: Logger,
    private readonly boundMs = STOP_WITHIN_MS,
    private readonly exit: (code: number) => void = (code) => process.exit(code),
  ) {}

  /** True from the signal on. */
  get isStopping(): boolean {
    return this.running !== undefined;
  }

  /** Registers a step; steps run in reverse order of registration, one after the other. After `withinMs` the next one does not wait for it. */
  onShutdown(name: string, stop: Stop, withinMs?: number): void {
    this.stops.push({ name, stop, withinMs });
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
    for (const { name, stop, withinMs } of [...this.stops].reverse()) await this.bounded(name, this.runStep(name, stop), withinMs);
    clearTimeout(timer);
    this.exit(code);
  }

  private async bounded(step: string, done: Promise<void>, withinMs: number | undefined): Promise<void> {
    if (withinMs === undefined) return done;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.log.warn({ event: 'stop.left', step, withinMs }, `${step} did not end in time and is left as it is`);
        resolve();
      }, withinMs);
    });
    await Promise.race([done, late]);
    clearTimeout(timer);
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
