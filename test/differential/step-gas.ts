import { join } from 'node:path';
import { PROJECT_ROOT } from '#testing';
import type { Agreement } from './agreement.js';

/** What is recorded of an operator's micro-step by `npm run test:differential -- --snapshot`; docs/operators.md is made from it. */
export interface StepGas {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly dtypes: readonly string[];
  readonly nodes: readonly string[];
}

export const STEP_GAS_FILE = join(PROJECT_ROOT, 'contracts/snapshots/StepGas.json');

export function stepGasOf({ gas, dtypes, nodes }: Pick<Agreement, 'gas' | 'dtypes' | 'nodes'>): StepGas {
  return { min: gas[0]!, median: gas[Math.floor(gas.length / 2)]!, max: gas.at(-1)!, dtypes, nodes };
}
