import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';
import { loweredFacts, operatorFacts } from './operator-facts.js';

const lowered = loweredFacts();
const operators = operatorFacts(lowered);

describe('docs/operators.md', () => {
  it.each(operators)('$name has a rule, cases and a measured step', ({ rule, cases, measured }) => {
    expect(rule.length, 'a comment before the exported operator says what an element means').toBeGreaterThan(8);
    expect(cases).not.toBe('');
    expect(measured, 'npm run test:differential -- --snapshot').toBeDefined();
  });

  it('shows a plain form of every operator the compiler takes', () => {
    expect(lowered.filter(({ becomes }) => !becomes).map(({ operator }) => operator)).toEqual([]);
  });

  it('is what the sources say (else: npm run docs)', async () => {
    const script = join(PROJECT_ROOT, 'scripts/operators-page.mjs');
    const { operatorsPage } = (await import(/* @vite-ignore */ script)) as { operatorsPage(all: typeof operators, forms: typeof lowered): string };
    expect(readFileSync(join(PROJECT_ROOT, 'docs/operators.md'), 'utf8')).toBe(operatorsPage(operators, lowered));
  });
});
