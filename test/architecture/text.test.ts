import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';

const listing = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: PROJECT_ROOT, encoding: 'utf8' });
const FILES = listing.stdout.split('\0').filter((file) => file && statSync(join(PROJECT_ROOT, file), { throwIfNoEntry: false })?.isFile());
const SOURCES = FILES.filter((file) => /\.(ts|tsx|mjs|sol)$/.test(file) && !file.includes('/generated/'));
const TEXTS = FILES.filter((file) => /\.(ts|tsx|mjs|sol|md|json|prisma|proto|toml|sh|sql|npmrc)$|^assay$|^\.ci\/run$/.test(file));

const read = (file: string) => readFileSync(join(PROJECT_ROOT, file), 'utf8');

/** Lines of files that match, as file:line: text. */
function linesWith(pattern: RegExp, files: readonly string[]): string[] {
  return files.flatMap((file) => read(file).split('\n').flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim().slice(0, 120)}`] : [])));
}

// WHY: in pieces, so that this file does not contain what it forbids.
const LATER = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b|not ${'imple' + 'mented'}`);
const NOT_RUN = new RegExp(`\\b(it|describe|test)\\.(${['sk' + 'ip', 'on' + 'ly', 'to' + 'do'].join('|')})\\b`);
const THIS_MACHINE = new RegExp(`(^|[^a-z.])${'/wo' + 'rk/'}|"resolved": *"http`);

describe('sources', () => {
  it('are found', () => expect(SOURCES.length).toBeGreaterThan(50));

  it('leave nothing for later', () => {
    expect(linesWith(LATER, SOURCES)).toEqual([]);
  });

  it('run every test', () => {
    expect(linesWith(NOT_RUN, SOURCES.filter((file) => file.endsWith('.test.ts')))).toEqual([]);
  });

  it('read the environment in few places only', () => {
    const allowed = /^(apps\/[^/]+\/main\.ts|apps\/cli\/|libs\/testing\/|libs\/platform\/|scripts\/|test\/|bench\/|.*\.test\.ts$|.*config\.ts$)/;
    expect(linesWith(/process\.env/, SOURCES.filter((file) => !allowed.test(file) && !/\.(test|fixture)\.ts$/.test(file)))).toEqual([]);
  });

  it('keep core free of time, chance and the process', () => {
    const core = SOURCES.filter((file) => file.startsWith('libs/core/') && !/\.(test|fixture)\.ts$/.test(file));
    expect(linesWith(/\b(Date\.now|new Date\(|Math\.random|process\.|setTimeout|setInterval)\b/, core)).toEqual([]);
  });

  it('stay small', () => {
    const long = SOURCES.filter((file) => !file.endsWith('.test.ts')).map((file) => ({ file, lines: read(file).split('\n').length })).filter(({ lines }) => lines > 450);
    expect(long).toEqual([]);
  });
});

describe('the repository', () => {
  it('names no place of one machine', () => {
    expect(linesWith(THIS_MACHINE, TEXTS)).toEqual([]);
  });

  it('holds no large files', () => {
    expect(FILES.filter((file) => statSync(join(PROJECT_ROOT, file)).size > 8 * 1024 * 1024)).toEqual([]);
  });

  it.each([
    ['the contracts’ ABIs', ['scripts/compile-contracts.mjs', '--check']],
    ['the lock file', ['scripts/check-lock.mjs']],
  ])('has %s up to date', (_, args) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, args, { cwd: PROJECT_ROOT, encoding: 'utf8' });
    expect(`${stdout}${stderr}${status}`).toBe('0');
  }, 120_000);

  it('links only to files that are there', () => {
    const pages = FILES.filter((file) => file.endsWith('.md'));
    const broken = pages.flatMap((page) => linksOf(page).filter((target) => !statSync(join(PROJECT_ROOT, target), { throwIfNoEntry: false })).map((target) => `${page} → ${target}`));
    expect(broken).toEqual([]);
  });
});

/** Local link targets of a page, as paths from the root, without anchors. */
function linksOf(page: string): string[] {
  const folder = page.split('/').slice(0, -1).join('/');
  return [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target]) => target!).filter((target) => !/^[a-z]+:/.test(target)).map((target) => join(folder, target));
}

describe('the contracts', () => {
  it('say what each external function does', () => {
    const interfaces = SOURCES.filter((file) => file.startsWith('contracts/src/interfaces/'));
    const silent = interfaces.flatMap((file) => {
      const lines = read(file).split('\n');
      return lines.filter((line, i) => /^ {4}function /.test(line) && !lines[i - 1]!.trim().startsWith('///')).map((line) => `${file}: ${line.trim()}`);
    });
    expect(interfaces.length).toBeGreaterThan(5);
    expect(silent).toEqual([]);
  });
});
