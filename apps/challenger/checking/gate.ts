import { AssayError } from '#core/protocol';

/** Lets at most `width` pieces of work run at once; the others wait their turn, up to a bound. */
export class Gate {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly width: number,
    private readonly maxWaiting = 65_536,
  ) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.waiting.length >= this.maxWaiting) throw new AssayError({ code: 'QUEUE_FULL', facts: { waiting: this.waiting.length } });
    if (this.running >= this.width) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}
