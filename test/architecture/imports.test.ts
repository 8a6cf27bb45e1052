import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';

interface Violation {
  readonly rule: { readonly name: string };
  readonly from: string;
  readonly to: string;
}

/** Violations of the import rules among the files of a folder laid out like this checkout. */
function violationsIn(folder: string): string[] {
  const program = join(PROJECT_ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const { stdout, stderr } = spawnSync(process.execPath, [program, '--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'apps', 'libs'], { cwd: folder, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (!stdout) throw new Error(stderr);
  const { summary } = JSON.parse(stdout) as { summary: { violations: Violation[]; totalCruised: number } };
  expect(summary.totalCruised).toBeGreaterThan(1);
  return summary.violations.map((v) => `${v.rule.name}: ${v.from} → ${v.to}`);
}

it('imports point the way ARCHITECTURE.md says', () => {
  expect(violationsIn(PROJECT_ROOT)).toEqual([]);
}, 60_000);

describe('the rules bite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-imports-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const put = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };

  it('on each forbidden edge', () => {
    for (const file of ['.dependency-cruiser.mjs', 'package.json', 'tsconfig.json']) cpSync(join(PROJECT_ROOT, file), join(folder, file));
    symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(folder, 'node_modules'));
    put('libs/io/chain/index.ts', `export const chain = 1;`);
    put('libs/io/storage/index.ts', `import { chain } from '#io/chain';\nexport const stored = chain;`);
    put('libs/core/protocol/index.ts', `export const message = 1;`);
    put('libs/core/hashing/index.ts', `import { readFileSync } from 'node:fs';\nimport { message } from '#core/protocol';\nexport const read = [readFileSync, message];`);
    put('libs/core/trace/index.ts', `import { chain } from '#io/chain';\nexport const leaf = chain;`);
    put('apps/executor/main.ts', `import './other.js';\nimport '../coordinator/main.js';`);
    put('apps/executor/other.ts', `import './main.js';`);
    put('apps/coordinator/main.ts', `import '@nestjs/common';\nexport {};`);

    const found = violationsIn(folder).map((text) => text.split(':')[0]);
    expect([...new Set(found)].sort()).toEqual(['apps-do-not-import-each-other', 'core-hashing-imports-what-is-below', 'core-imports-core-only', 'io-rooms-do-not-import-each-other', 'no-cycles']);
  }, 60_000);
});
