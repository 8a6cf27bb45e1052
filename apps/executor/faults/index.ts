import { canaryRun } from '../canaries/false-run.js';
import type { RunKind } from '../config.js';
import { honestRun, type Run, type RunContext } from '../execution/run.js';
import { wrongIntermediateRun, wrongOutputRun } from './wrong-values.js';
import { tamperedWeightsRun } from './tampered-weights.js';
import { wrongPartialSumRun } from './wrong-partial-sum.js';

/**
 * A run as an executor of the given kind makes it. The lie follows from the job id, so it is the same after a restart.
 * Tests and the demo need real liars; of the rest only canaries are false on purpose.
 */
export function runWithFault(fault: RunKind, context: RunContext): Promise<Run> {
  switch (fault) {
    case 'canary':
      return canaryRun(context);
    case 'none':
      return honestRun(context);
    case 'wrong-output':
    case 'silent':
      return wrongOutputRun(context);
    case 'wrong-intermediate':
      return wrongIntermediateRun(context);
    case 'tampered-weights':
      return tamperedWeightsRun(context);
    case 'wrong-partial-sum':
      return wrongPartialSumRun(context);
  }
}
