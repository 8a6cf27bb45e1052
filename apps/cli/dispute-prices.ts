import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { MovePrices } from '#core/dispute';
import { PROJECT_ROOT } from '#testing';

const gas = z.coerce.number().int().positive();
const DISPUTES = z.object({ open: gas, 'revealTrace of 32': gas, 'choose among 32': gas, 'choose element': gas, 'revealTensor of 32': gas, 'revealSteps of 200': gas, chooseSegment: gas, 'prove step': gas, settle: gas });
const STEPS = z.record(z.string(), z.object({ max: gas }));

/** What the tests of the contracts recorded of moves (forge, whole transactions) and of micro-steps (`npm run test:differential -- --snapshot`). */
export function disputePrices(): MovePrices {
  const moves = DISPUTES.parse(snapshot('Disputes'));
  const transaction = {
    open: moves.open,
    revealTrace: moves['revealTrace of 32'],
    choose: Math.max(moves['choose among 32'], moves['choose element']),
    revealTensor: moves['revealTensor of 32'],
    revealSteps: moves['revealSteps of 200'],
    chooseSegment: moves.chooseSegment,
    prove: moves['prove step'],
    settle: moves.settle,
  };
  const step = Object.fromEntries(Object.entries(STEPS.parse(snapshot('StepGas'))).map(([operator, { max }]) => [operator, max]));
  return { transaction, states: 200, step };
}

function snapshot(name: string): unknown {
  return JSON.parse(readFileSync(join(PROJECT_ROOT, `contracts/snapshots/${name}.json`), 'utf8'));
}
