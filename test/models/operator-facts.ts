import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OPERATORS } from '#core/numerics';
import { PROJECT_ROOT } from '#testing';
import { LOWERINGS } from '../../libs/core/onnx/lowering/index.js';
import { STEP_GAS_FILE, type StepGas } from '../differential/step-gas.js';
import { canonicalFormOf } from './specimens.js';

const SOURCES = join(PROJECT_ROOT, 'libs/core/numerics/operators');
const CASES = join(PROJECT_ROOT, 'test/differential/cases');

/** What docs/operators.md tells about an operator, each fact from its one source. */
export interface OperatorFacts {
  readonly name: string;
  readonly code: number;
  /** The comment at the operator. */
  readonly rule: string;
  readonly source: string;
  /** The file of its differential cases. */
  readonly cases: string;
  /** As the differential test last recorded it. */
  readonly measured: StepGas | undefined;
  /** ONNX operators of which a plain node contains it. */
  readonly from: readonly string[];
}

export interface LoweredFacts {
  readonly operator: string;
  readonly becomes: readonly string[] | undefined;
}

export function loweredFacts(): LoweredFacts[] {
  return [...LOWERINGS.keys()].map((operator) => ({ operator, becomes: canonicalFormOf(operator) }));
}

export function operatorFacts(lowered: readonly LoweredFacts[]): OperatorFacts[] {
  const rules = rulesIn(SOURCES);
  const cases = filesIn(CASES).map((file) => ({ file, text: readFileSync(join(CASES, file), 'utf8') }));
  const measured = JSON.parse(readFileSync(STEP_GAS_FILE, 'utf8')) as Record<string, StepGas>;
  return [...OPERATORS].sort((a, b) => a.code - b.code).map(({ name, code }) => {
    const { rule, file } = rules.get(name) ?? { rule: '', file: '' };
    const from = lowered.filter(({ becomes }) => becomes?.some((part) => part.split(' ')[0] === name)).map(({ operator }) => operator);
    return { name, code, rule, source: file, cases: cases.find(({ text }) => new RegExp(`\\b${name}\\b`).test(text))?.file ?? '', measured: measured[name], from };
  });
}

/** The comment before each exported operator, by the operator's name: the first text in quotes after it. */
function rulesIn(folder: string): Map<string, { rule: string; file: string }> {
  const rules = new Map<string, { rule: string; file: string }>();
  for (const file of filesIn(folder)) {
    for (const [, comment, name] of readFileSync(join(folder, file), 'utf8').matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport const \w+(?:: Operator)? = [^']*'([A-Z]\w*)'/g)) {
      rules.set(name!, { rule: comment!.replace(/\n \*/g, ' ').replace(/\s+/g, ' ').trim(), file });
    }
  }
  return rules;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts')).sort();
}
