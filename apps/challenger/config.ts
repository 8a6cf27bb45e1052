import { z } from 'zod';
import { commonVariables, modelVariables, readConfig, switchOf, variable, wholeNumber, type Environment } from '#platform';

/** Ways to cheat in paid checks, for tests: evidence of no run, and evidence that somebody else revealed. */
const CHECK_FAULTS = ['none', 'lazy', 'copier'] as const;
export type CheckFault = (typeof CHECK_FAULTS)[number];

export const challengerSchema = z.object({
  ...commonVariables,
  ...modelVariables,
  /** Sends nothing: says in log, metrics and /health what it would do. */
  ASSAY_WATCH_ONLY: variable(switchOf.default(false), 'false'),
  /** Checks every job instead of the drawn ones. */
  ASSAY_SAMPLE_ALL: variable(switchOf.default(false), 'false'),
  /** Takes a seat if the stake suffices, and is paid for checks by evidence of its runs. */
  ASSAY_PAID_CHECKS: variable(switchOf.default(false), 'true'),
  /** Tests only: cheats in paid checks. */
  ASSAY_FAULT: variable(z.enum(CHECK_FAULTS).default('none'), 'lazy'),
  /** Tests only: opens a dispute against claims that are right. */
  ASSAY_LIE: variable(switchOf.default(false), 'false'),
  /** Claims checked at once. */
  ASSAY_CHECKS: variable(wholeNumber(1, 64).default(1), '2'),
  /** Seconds that the chain's newest block may be old before this challenger's node counts as behind. */
  ASSAY_MAX_CHAIN_LAG_S: variable(wholeNumber(1, 86_400).default(120), '120'),
});

export type ChallengerConfig = z.infer<typeof challengerSchema>;

export function challengerConfig(env: Environment): ChallengerConfig {
  return readConfig(challengerSchema, env);
}
