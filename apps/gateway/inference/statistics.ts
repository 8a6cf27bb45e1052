/** Count and time of one kind of outcome; nanoseconds. */
export interface Tally {
  count: number;
  ns: bigint;
}

export interface ModelTally {
  readonly success: Tally;
  readonly fail: Tally;
  /** Milliseconds since 1970; 0: none yet. */
  lastInference: number;
}

/** What this gateway did for each model since it started. */
export class Statistics {
  private readonly tallies = new Map<string, ModelTally>();

  note(modelId: string, outcome: { readonly ok: boolean; readonly ns: bigint; readonly at: number }): void {
    const tally = this.of(modelId);
    this.tallies.set(modelId, tally);
    const side = outcome.ok ? tally.success : tally.fail;
    side.count++;
    side.ns += outcome.ns;
    tally.lastInference = outcome.at;
  }

  of(modelId: string): ModelTally {
    return this.tallies.get(modelId) ?? { success: { count: 0, ns: 0n }, fail: { count: 0, ns: 0n }, lastInference: 0 };
  }
}
