import type { Chain, ChainEvent } from '#io/chain';
import { AssayError } from '#core/protocol';

export interface Seen {
  readonly event: ChainEvent;
  /** Milliseconds since 1970 when we saw it. */
  readonly at: number;
}

type Listener = (seen: Seen) => Promise<void> | void;

/** Follows the network's events from now on, in order; remembers them with the time at which they were seen. */
export class ChainWatch {
  readonly seen: Seen[] = [];
  private readonly stopping = new AbortController();
  private changed: () => void = () => undefined;
  private failure: unknown;

  private constructor(
    private readonly chain: Chain,
    private readonly listener: Listener,
  ) {}

  static async start(chain: Chain, listener: Listener): Promise<ChainWatch> {
    const watch = new ChainWatch(chain, listener);
    const fromBlock = (await chain.blockNumber()) + 1n;
    void watch.follow(fromBlock).catch((error: unknown) => {
      watch.failure = error;
      watch.changed();
    });
    return watch;
  }

  /** Resolves once `holds` is true of what was seen. @throws AssayError PEER_SILENT after `timeoutMs`, with `what` was waited for */
  async until(what: string, holds: (seen: readonly Seen[]) => boolean, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!holds(this.seen)) {
      if (this.failure) throw this.failure;
      const left = deadline - Date.now();
      if (left <= 0) throw new AssayError({ code: 'PEER_SILENT', message: `waited ${timeoutMs / 1000} s in vain for: ${what}`, facts: { what } });
      await this.nextChange(left);
    }
  }

  stop(): void {
    this.stopping.abort();
  }

  private async follow(fromBlock: bigint): Promise<void> {
    for await (const page of this.chain.events({ fromBlock, signal: this.stopping.signal })) {
      const at = Date.now();
      for (const event of page.events) {
        this.seen.push({ event, at });
        await this.listener({ event, at });
      }
      if (page.events.length > 0) this.changed();
    }
  }

  private nextChange(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
