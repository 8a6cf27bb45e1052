import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '#testing';

export const NO_BROWSER = 'needs Chromium: apt install chromium, or CHROMIUM=/path/to/it';
const REPORT_MS = 120_000;

/** A Chromium of this machine; undefined where there is none. */
export function chromium(): string | undefined {
  return [process.env['CHROMIUM'], 'chromium', 'chromium-browser', 'google-chrome'].find((program) => program && spawnSync(program, ['--version']).status === 0);
}

/** Opens the page of examples/browser as a person would, and gives what it reports. */
export async function browserReport(browser: string, { gateway, key }: { gateway: string; key: string }): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), 'assay-browser-'));
  const server = spawn(process.execPath, [join(PROJECT_ROOT, 'examples/browser/serve.mjs'), '--gateway', gateway, '--port', '0', '--once']);
  let page: ReturnType<typeof spawn> | undefined;
  const timer = setTimeout(() => server.kill(), REPORT_MS);
  try {
    const url = await firstLine(server.stderr);
    let report = '';
    server.stdout.on('data', (chunk: Buffer) => (report += chunk.toString()));
    page = spawn(browser, ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run', `--user-data-dir=${profile}`, `${url}#report&key=${encodeURIComponent(key)}`], { stdio: 'ignore', detached: true });
    await new Promise((resolve) => server.once('close', resolve));
    return JSON.parse(report || '{"error": "the page never reported"}');
  } finally {
    clearTimeout(timer);
    server.kill();
    // WHY the group: Chromium is several processes.
    if (page?.pid && page.exitCode === null) await ended(page);
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

function ended(child: ReturnType<typeof spawn>): Promise<unknown> {
  const closed = new Promise((resolve) => child.once('close', resolve));
  process.kill(-child.pid!, 'SIGKILL');
  return closed;
}

function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    stream.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    stream.once('end', () => reject(new Error('the page’s server ended')));
  });
}
