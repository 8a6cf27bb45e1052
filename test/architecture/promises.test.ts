import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';

/** Where a path in a document may start. */
const ROOTS = ['', 'contracts/test', 'contracts'];
const { scripts } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
const solidity = readdirSync(join(PROJECT_ROOT, 'contracts/test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.sol'))
  .map((file) => readFileSync(join(PROJECT_ROOT, 'contracts/test', file), 'utf8'))
  .join('\n');
const forgeTests = [...solidity.matchAll(/function ((?:test|testFuzz|invariant)_\w+)/g)].map(([, name]) => name!);

interface Promised {
  readonly what: string;
  readonly tests: readonly string[];
}

/** The rows of a document's tables: what is promised, and what stands between backticks in the last column. */
function promisesIn(file: string): Promised[] {
  const rows = readFileSync(join(PROJECT_ROOT, file), 'utf8').split('\n').filter((line) => line.startsWith('| ') && !/^\|[\s|-]+\|$/.test(line));
  return rows
    .map((row) => row.split(/(?<!\\)\|/).slice(1, -1))
    .filter((cells) => !['attack', 'property'].includes(cells[0]!.trim()))
    .map((cells) => ({ what: cells[0]!.trim(), tests: [...cells.at(-1)!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!) }));
}

function isThere(name: string): boolean {
  if (name.startsWith('npm run ')) return name.split(' ')[2]! in scripts;
  if (/^(test|testFuzz|invariant)_/.test(name)) {
    const pattern = new RegExp(`^${name.replaceAll('*', '\\w*')}$`);
    return forgeTests.some((test) => pattern.test(test));
  }
  return name.includes('/') && ROOTS.some((root) => existsSync(join(PROJECT_ROOT, root, name)));
}

describe.each(['docs/threat-model.md', 'contracts/PROPERTIES.md'])('%s', (file) => {
  it('names a test for every promise, and each of them is there', () => {
    const promises = promisesIn(file);
    expect(promises.length).toBeGreaterThan(20);
    const missing = promises.flatMap(({ what, tests }) => (tests.length === 0 ? [`${what}: no test`] : tests.filter((name) => !isThere(name)).map((name) => `${what}: ${name}`)));
    expect(missing).toEqual([]);
  });
});
