import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasAnswer, INITIAL_STATE, isTerminal, JOB_STATES, JOB_TRANSITIONS, mayFollow, statesBefore, type JobState } from './lifecycle.js';

const state = fc.constantFrom(...JOB_STATES);

/** A walk of up to 30 legal transitions from the start; `picks` decide at each crossing. */
function walk(picks: readonly number[]): JobState[] {
  const path: JobState[] = [INITIAL_STATE];
  for (const pick of picks) {
    const next = JOB_TRANSITIONS[path.at(-1)!];
    if (next.length === 0) break;
    path.push(next[pick % next.length]!);
  }
  return path;
}

describe('the lifecycle of a job', () => {
  it('reaches every state from the start, and an end from every state', () => {
    const reachable = (from: JobState) => {
      const seen = new Set<JobState>([from]);
      for (const at of seen) for (const next of JOB_TRANSITIONS[at]) seen.add(next);
      return seen;
    };
    expect(reachable(INITIAL_STATE)).toEqual(new Set(JOB_STATES));
    for (const from of JOB_STATES) expect([...reachable(from)].some(isTerminal)).toBe(true);
  });

  it('statesBefore is the inverse of the table', () => {
    fc.assert(fc.property(state, state, (from, to) => statesBefore(to).includes(from) === mayFollow(from, to)));
  });

  it('never leaves a final, failed or expired job, and never makes one final that was not batched', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10), { maxLength: 30 }), (picks) => {
        const path = walk(picks);
        const end = path.findIndex(isTerminal);
        if (end >= 0) expect(end).toBe(path.length - 1);
        if (path.at(-1) === 'final') expect(path.some((at) => at === 'batched' || at === 'disputed')).toBe(true);
      }),
    );
  });

  it('gives an answer only after one was made, and takes it back only when it was overturned, or before it was in a batch', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10), { maxLength: 30 }), (picks) => {
        const path = walk(picks);
        path.forEach((at, i) => {
          if (i === 0) return;
          const before = path[i - 1]!;
          if (hasAnswer(at) && !hasAnswer(before)) expect(at).toBe('answered');
          if (!hasAnswer(at) && hasAnswer(before)) expect(at === 'overturned' || (at === 'accepted' && ['answered', 'upheld'].includes(before))).toBe(true);
        });
      }),
    );
  });

  it('is as documented: a frozen copy of the table', () => {
    expect(JOB_TRANSITIONS).toMatchInlineSnapshot(`
      {
        "accepted": [
          "assigned",
          "failed",
          "expired",
          "cancelled",
        ],
        "answered": [
          "batched",
          "disputed",
          "accepted",
        ],
        "assigned": [
          "answered",
          "accepted",
          "failed",
          "expired",
          "cancelled",
        ],
        "batched": [
          "challengeable",
          "answered",
          "disputed",
        ],
        "cancelled": [
          "accepted",
        ],
        "challengeable": [
          "disputed",
          "final",
          "batched",
        ],
        "disputed": [
          "upheld",
          "overturned",
          "answered",
          "batched",
          "challengeable",
        ],
        "expired": [],
        "failed": [],
        "final": [],
        "overturned": [
          "assigned",
          "failed",
        ],
        "upheld": [
          "disputed",
          "batched",
          "final",
          "accepted",
        ],
      }
    `);
  });
});
