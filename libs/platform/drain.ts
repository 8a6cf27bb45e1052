import { setMaxListeners } from 'node:events';
import { AssayError } from '#core/protocol';

/** Calls that a process answers, as long as it does; at its end it takes no more, and gives those under way a last while. */
export class Drain {
  private readonly underWay = new Set<Promise<unknown>>();
  private readonly over = new AbortController();
  private closing = false;

  constructor() {
    // WHY: every call listens to it; many at once are no leak.
    setMaxListeners(0, this.over.signal);
  }

  get isClosing(): boolean {
    return this.closing;
  }

  /** Aborts when the last while is over. */
  get ended(): AbortSignal {
    return this.over.signal;
  }

  /** @throws AssayError SHUTTING_DOWN once closed, or when the last while is over; what `work` still does is nobody's concern then */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.closing) throw stopping();
    const { signal } = this.over;
    let end: () => void = () => undefined;
    const ended = new Promise<never>((_, reject) => {
      end = () => reject(stopping());
      signal.addEventListener('abort', end);
    });
    const call = Promise.race([work(), ended]).finally(() => {
      signal.removeEventListener('abort', end);
      this.underWay.delete(call);
    });
    this.underWay.add(call);
    return call;
  }

  /** Takes nothing more, waits `graceMs` for what is under way, ends the rest. */
  async close(graceMs: number): Promise<void> {
    this.closing = true;
    const all = Promise.allSettled(this.underWay);
    const timer = setTimeout(() => this.over.abort(), graceMs);
    await all;
    clearTimeout(timer);
    this.over.abort();
  }
}

function stopping(): AssayError {
  return new AssayError({ code: 'SHUTTING_DOWN' });
}
