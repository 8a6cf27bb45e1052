import { z } from 'zod';
import { commonVariables, modelVariables, privateKeyVariable, readConfig, secret, switchOf, variable, wholeNumber, type Environment } from '#platform';

/** Ways to lie, for tests and the demo; see faults/. */
export const FAULTS = ['none', 'wrong-output', 'wrong-intermediate', 'tampered-weights', 'silent', 'wrong-partial-sum'] as const;
export type FaultName = (typeof FAULTS)[number];
/** How an answer was made: as a fault asks for it, or as a canary of its own. */
export const RUN_KINDS = [...FAULTS, 'canary'] as const;
export type RunKind = (typeof RUN_KINDS)[number];

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
  /** With all three, plants canaries: false answers to requests of its own, by which checkers are measured. The account that bonds them … */
  ASSAY_CANARY_KEY: secret(privateKeyVariable.optional(), '0x… (64 hex digits)'),
  /** … the submitter of their requests, … */
  ASSAY_CANARY_SUBMITTER_KEY: secret(privateKeyVariable.optional(), '0x… (64 hex digits)'),
  /** … and the coordinator that takes them, host:port. */
  ASSAY_CANARY_COORDINATOR: variable(z.string().regex(/^[^\s:]+:\d{1,5}$/, 'is not host:port').optional(), '127.0.0.1:50051'),
  /** The coordinator has TLS, by an authority that the system trusts. */
  ASSAY_CANARY_TLS: variable(switchOf.default(false), 'true'),
  /** Seconds between two canaries, on average. */
  ASSAY_CANARY_INTERVAL: variable(wholeNumber(1, 1_000_000).default(3_600), '3600'),
});

export type ExecutorConfig = z.infer<typeof executorSchema>;

type Planting = 'ASSAY_CANARY_KEY' | 'ASSAY_CANARY_SUBMITTER_KEY' | 'ASSAY_CANARY_COORDINATOR';

/** Whether the configuration has all that planting needs. A watching executor answers nothing, and so plants nothing. */
export function plantsCanaries(config: ExecutorConfig): config is ExecutorConfig & { [K in Planting]-?: NonNullable<ExecutorConfig[K]> } {
  const { ASSAY_CANARY_KEY: key, ASSAY_CANARY_SUBMITTER_KEY: submitter, ASSAY_CANARY_COORDINATOR: coordinator, ASSAY_WATCH_ONLY: watching } = config;
  return !watching && key !== undefined && submitter !== undefined && coordinator !== undefined;
}

export function executorConfig(env: Environment): ExecutorConfig {
  return readConfig(executorSchema, env);
}
