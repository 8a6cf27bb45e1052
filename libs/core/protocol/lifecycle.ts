/** Where a job is. protocol.md section 4 tells the story; ../../io/storage guards every update with this table. */
export const JOB_STATES = [
  'accepted',
  'assigned',
  'answered',
  'batched',
  'challengeable',
  'disputed',
  'upheld',
  'overturned',
  'final',
  'failed',
  'expired',
  'cancelled',
] as const;

export type JobState = (typeof JOB_STATES)[number];

/**
 * Every legal transition, once: from a state to the states that may follow it.
 * - accepted: stored, nobody works on it. assigned: one executor holds a lease.
 * - assigned → accepted: the lease was lost, the next executor may take it.
 * - answered: a valid claim is stored. batched: it is in a batch whose transaction may be on its way.
 * - batched → answered: the contract refused the batch for another claim's sake.
 * - challengeable: the batch is on chain. disputed: at least one game is open.
 * - upheld: every game so far ended for the executor; another may open until the window ends.
 * - challengeable → batched, disputed → batched | challengeable | answered: a reorganisation of the chain took the batch, or the game, away.
 * - cancelled: whoever waited for it left before it was answered; the same request again brings it back.
 * - answered | upheld → accepted: its executor has no stake any more, so the claim can be in no batch; another executor runs it.
 * - overturned → assigned: the job runs again, by another executor, at no cost.
 */
export const JOB_TRANSITIONS: Readonly<Record<JobState, readonly JobState[]>> = {
  accepted: ['assigned', 'failed', 'expired', 'cancelled'],
  assigned: ['answered', 'accepted', 'failed', 'expired', 'cancelled'],
  answered: ['batched', 'disputed', 'accepted'],
  batched: ['challengeable', 'answered', 'disputed'],
  challengeable: ['disputed', 'final', 'batched'],
  disputed: ['upheld', 'overturned', 'answered', 'batched', 'challengeable'],
  upheld: ['disputed', 'batched', 'final', 'accepted'],
  overturned: ['assigned', 'failed'],
  final: [],
  failed: [],
  expired: [],
  cancelled: ['accepted'],
};

/** The one state a new job starts in. */
export const INITIAL_STATE: JobState = 'accepted';

export function mayFollow(from: JobState, to: JobState): boolean {
  return JOB_TRANSITIONS[from].includes(to);
}

/** The states from which `to` may be reached: what a guarded update puts in its condition. */
export function statesBefore(to: JobState): JobState[] {
  return JOB_STATES.filter((from) => mayFollow(from, to));
}

/** True if no transition leads out of the state. */
export function isTerminal(state: JobState): boolean {
  return JOB_TRANSITIONS[state].length === 0;
}

/** True if the submitter has, or will soon have again, an answer that nobody has proven wrong. */
export function hasAnswer(state: JobState): boolean {
  switch (state) {
    case 'answered':
    case 'batched':
    case 'challengeable':
    case 'disputed':
    case 'upheld':
    case 'final':
      return true;
    case 'accepted':
    case 'assigned':
    case 'overturned':
    case 'failed':
    case 'expired':
    case 'cancelled':
      return false;
  }
}
