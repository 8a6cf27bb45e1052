import { describe, expect, it } from 'vitest';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { assay } from './command.js';

const dir = mkdtempSync(join(tmpdir(), 'assay-cli-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const file = (name: string, content: string) => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};

describe('with --json, standard output is one document and nothing else', () => {
  it.each<[string, string[], number, string]>([
    ['an unknown command', ['no-such-thing'], 2, 'USAGE'],
    ['an unknown option', ['up', '--no-such-option'], 2, 'USAGE'],
    ['a missing argument', ['run'], 2, 'USAGE'],
    ['an unknown fault', ['up', '--faults', 'executor-1=sabotage'], 2, 'USAGE'],
    ['a fault of nobody', ['up', '--faults', 'somebody=silent'], 2, 'USAGE'],
    ['a photo for a model of digits', ['demo', '--photo', 'x.png'], 2, 'USAGE'],
    ['a file that is not there', ['model', 'compile', join(dir, 'absent.onnx')], 2, 'FILE_UNREADABLE'],
    ['a file that is no model', ['model', 'compile', 'package.json'], 2, 'MODEL_UNPARSABLE'],
    ['a file that is no receipt', ['receipt', 'verify', 'package.json'], 2, 'RECEIPT_MALFORMED'],
    ['no network', ['dispute', 'list', '--dir', join(dir, 'nothing')], 3, 'COORDINATOR_UNREACHABLE'],
    ['a digit that there is not', ['sample', 'digit', '1000'], 2, 'USAGE'],
    ['a photo that is none', ['sample', 'photo', 'package.json'], 2, 'FILE_UNREADABLE'],
    ['a folder of somebody else', ['dispute', 'list', '--dir', (writeFileSync(join(dir, 'network.json'), '{}'), dir)], 2, 'FILE_UNREADABLE'],
  ])('%s', async (_, args, exitCode, code) => {
    const { code: found, stdout } = await assay(...args, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ error: { code, message: expect.any(String) as string, remedy: expect.stringMatching(/\w/) as string } });
    expect(found).toBe(exitCode);
  });

  it('also when all is well', async () => {
    const { code, stdout } = await assay('model', 'compile', 'mnist', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ modelId: expect.stringMatching(/^0x[0-9a-f]{64}$/) as string, report: { nodes: 9 } });
  });
});

describe('for people', () => {
  it('an error is its code, the facts and what to do, on standard error', async () => {
    const { code, stdout, stderr } = await assay('receipt', 'verify', file('receipt.json', '{"version":2}'));
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^RECEIPT_MALFORMED: /);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('help of a command has an example', async () => {
    const { code, stdout } = await assay('model', 'compile', '--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples?:\n {2}assay model compile /);
  });

  it('bash completes what there is', async () => {
    const { stdout: script } = await assay('completions', 'bash');
    const complete = (...words: string[]) => spawnSync('bash', ['-c', `${script}\nCOMP_WORDS=(assay ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _assay; echo "\${COMPREPLY[*]}"`], { encoding: 'utf8' }).stdout.trim();
    expect(complete('disp')).toBe('dispute');
    expect(complete('model', 'ver')).toBe('versions');
    expect(complete('receipt', 'replay', '--di')).toBe('--dir --digit');
    for (const shell of ['zsh', 'fish']) expect((await assay('completions', shell)).stdout).toMatch(/\bversions\b/);
  }, 60_000);

  it('doctor finds this machine fit', async () => {
    const { code, stdout } = await assay('doctor');
    expect(stdout).toMatch(/✓ arithmetic .* have the reference's bits/);
    expect(code).toBe(0);
  }, 60_000);
});
