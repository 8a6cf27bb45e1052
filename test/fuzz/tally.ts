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
