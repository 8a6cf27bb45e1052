import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '#testing';

const folder = mkdtempSync(join(tmpdir(), 'assay-protos-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function buf(cwd: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(PROJECT_ROOT, 'node_modules/@bufbuild/buf/bin/buf'), ...args], { cwd, encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}`;
}

describe('the proto files', () => {
  it('follow the rules of buf.yaml, comments among them', () => {
    expect(buf(PROJECT_ROOT, 'lint')).toBe('');
  });

  it('break nothing of the image that was published (npm run protos takes additions into it)', () => {
    expect(buf(PROJECT_ROOT, 'breaking', '--against', 'proto/image.json')).toBe('');
  });

  it('would be caught if they did', () => {
    for (const name of ['proto', 'buf.yaml']) cpSync(join(PROJECT_ROOT, name), join(folder, name), { recursive: true });
    const file = join(folder, 'proto/assay/v1/jobs.proto');
    writeFileSync(file, readFileSync(file, 'utf8').replace('string job_id = 1;', 'uint64 job_id = 1;'));
    expect(buf(folder, 'breaking', '--against', 'proto/image.json')).toMatch(/changed type from "string" to "uint64"/);
  });
});
