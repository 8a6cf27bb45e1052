/** What became of the cases of one kind. */
export interface Tally {
  readonly cases: number;
  /** By error code; `taken` for what was still good. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** What must not be, with the case to look at. */
  readonly faults: readonly string[];
}

/** Counts outcomes. */
export class Counter {
  private cases = 0;
  private slowestMs = 0;
  private readonly outcomes = new Map<string, number>();
  private readonly faults: string[] = [];

  /** @param slow milliseconds from which a case counts as hanging */
  constructor(private readonly slow: number) {}

  note(outcome: string, ms: number, what: string): void {
    this.cases++;
    this.slowestMs = Math.max(this.slowestMs, ms);
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    if (ms > this.slow) this.fault(`${what} took ${ms.toFixed(0)} ms`);
  }

  fault(text: string): void {
    this.faults.push(text.slice(0, 400));
  }

  get tally(): Tally {
    return { cases: this.cases, outcomes: Object.fromEntries([...this.outcomes].sort()), slowestMs: Math.round(this.slowestMs), faults: this.faults };
  }
}

export interface Report {
  readonly seed: number;
  /** On each surface, as asked for. */
  readonly each: number;
  readonly cases: number;
  readonly faults: number;
  /** Of each process, since before the first stretch. */
  readonly growthMb: Readonly<Record<string, number>>;
  readonly kinds: Readonly<Record<string, Tally>>;
  readonly seconds: number;
}

/** The page of the results. */
export function pageOf({ seed, each, cases, faults, growthMb, kinds, seconds }: Report): string {
  const row = ([name, { cases: count, slowestMs, outcomes }]: [string, Tally]) => `| ${name} | ${count} | ${slowestMs} | ${Object.entries(outcomes).sort((a, b) => b[1] - a[1]).map(([code, n]) => `${code} ${n}`).join(', ')} |`;
  const growth = Object.entries(growthMb).map(([name, megabytes]) => `${name} ${megabytes}`).join(', ');
  return `# Hostile input\n\nPrinted by \`npm run test:fuzz -- --seed ${seed} --cases ${each} --save\` in ${seconds} s, other work on the machine: ${cases} cases, ${faults} faults.\nResident memory at the end against the start, in MB: ${growth}.\n\n| what | cases | slowest, ms | answers |\n|---|---|---|---|\n${Object.entries(kinds).map(row).join('\n')}\n\nTaken: still good, or harmless. left out: a log that is none of ours. sent: nothing is answered there.\nrewound: the endpoint's answers made the reader start again. stream: cut off while it was open.\n`;
}
