import { setTimeout as sleep } from 'node:timers/promises';
import { lastLines, startChild, type Child, type ChildOptions, type RpcProxy } from '#testing';

/** What kind of process it is, for whoever draws the next victim. */
export type Kind = 'coordinator' | 'executor' | 'cheater' | 'challenger' | 'accuser' | 'gateway' | 'broker' | 'chain';

export interface UnitOptions extends ChildOptions {
  readonly kind: Kind;
  /** The only way this process has to the chain. */
  readonly proxy?: RpcProxy;
}

const AGAIN_MS = 300;

/** A process that somebody starts again whenever it ended, as systemd or Kubernetes would. */
export class Unit {
  private child: Child | undefined;
  private retired = false;
  private downMs = 0;
  private running: Promise<void> | undefined;
  /** How it ended each time that nobody had ended it, with its last words. */
  readonly deaths: string[] = [];
  /** Under a strike now. */
  isHit = false;

  constructor(readonly options: UnitOptions) {}

  /** Resolves when it is ready for the first time. @throws AssayError PEER_SILENT */
  async start(): Promise<this> {
    this.child = await startChild(this.options);
    this.running = this.watch(this.child);
    return this;
  }

  get isUp(): boolean {
    return this.child !== undefined && !this.retired;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** SIGKILL; it is started again after `downMs`. Resolves when it is ready again. */
  async kill(downMs: number): Promise<void> {
    const victim = this.child;
    if (!victim) return;
    this.downMs = downMs;
    victim.kill('SIGKILL');
    await victim.ended;
    while (!this.retired && (this.child === undefined || this.child === victim)) await sleep(50);
  }

  /** SIGSTOP for so long. */
  async pause(ms: number): Promise<void> {
    const victim = this.child;
    victim?.kill('SIGSTOP');
    await sleep(ms);
    victim?.kill('SIGCONT');
  }

  /** SIGTERM, for ever. Resolves with how it ended. */
  async retire(): Promise<string | undefined> {
    this.retired = true;
    const last = this.child;
    await last?.stop();
    await this.running;
    return last?.ended;
  }

  private async watch(first: Child): Promise<void> {
    for (let child: Child | undefined = first; child; child = await this.again()) {
      const how = await child.ended;
      this.child = undefined;
      if (!this.retired && how !== 'SIGKILL') this.deaths.push([`${this.options.name}: ${how}`, ...lastLines(this.options.logFile)].join('\n'));
    }
  }

  private async again(): Promise<Child | undefined> {
    await sleep(this.downMs);
    for (this.downMs = 0; !this.retired; await sleep(AGAIN_MS)) {
      this.child = await startChild(this.options).catch(() => undefined);
      if (this.child && this.retired) await this.child.stop();
      if (this.child) return this.child;
    }
    return undefined;
  }
}
