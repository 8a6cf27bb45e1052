import { z } from 'zod';
import { commonVariables, modelVariables, readConfig, switchOf, variable, wholeNumber, type Environment } from '#platform';

/** Ways to lie, for tests and the demo; see faults/. */
export const FAULTS = ['none', 'wrong-output', 'wrong-intermediate', 'tampered-weights', 'silent', 'wrong-partial-sum'] as const;
export type FaultName = (typeof FAULTS)[number];

export const executorSchema = z.object({
  ...commonVariables,
  ...modelVariables,
  /** Sends nothing: says in log, metrics and /health what it would do. */
  ASSAY_WATCH_ONLY: variable(switchOf.default(false), 'false'),
  /** Jobs in work at once. */
  ASSAY_CAPACITY: variable(wholeNumber(1, 64).default(1), '2'),
  ASSAY_FAULT: variable(z.enum(FAULTS).default('none'), 'wrong-output'),
  /** A faulty executor lies on every n-th job. */
  ASSAY_FAULT_EVERY: variable(wholeNumber(1, 1_000_000).default(1), '10'),
});

export type ExecutorConfig = z.infer<typeof executorSchema>;

export function executorConfig(env: Environment): ExecutorConfig {
  return readConfig(executorSchema, env);
}
