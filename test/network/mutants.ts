import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '#testing';

interface Mutant {
  /** The fault that comes (back) in. */
  readonly fault: string;
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
}

/** Faults that simulated networks must find; those that were real ones once say so. */
const MUTANTS: readonly Mutant[] = [
  { fault: 'a batch whose beacon was due while the chain was silent is never looked at again (a real one)', file: 'apps/challenger/checking/batch-check.js', right: 'await persistently(() => drawOf(batch, until, parts), until, parts)', wrong: 'await drawOf(batch, until, parts)' },
  { fault: 'a batch of unknown fate is sent again without a look whether it landed', file: 'apps/coordinator/batching/batcher.js', right: 'ledger.find(batch.root', wrong: "ledger.find(''" },
  { fault: 'a lease that an executor or assigner took along when it died is not taken back', file: 'apps/coordinator/assignment/assigner.js', right: 'await this.sweep()', wrong: 'await this.reclaim()' },
  { fault: 'a new beacon draws nothing', file: 'apps/challenger/watching/batch-watch.js', right: 'if (page.rewound)', wrong: 'if (false)' },
  { fault: 'a restarted challenger goes on behind the batches it was at', file: 'apps/challenger/watching/batch-watch.js', right: 'running || acted)', wrong: 'false)' },
  { fault: 'a coordinator keeps batches that a reorganisation took', file: 'apps/coordinator/settlement/chain-follower.js', right: 'await this.undo(', wrong: 'void (' },
  { fault: 'a player believes games that a reorganisation took', file: 'libs/player/book.js', right: 'if (page.rewound)', wrong: 'if (false)' },
  { fault: 'a job is acknowledged before it is stored', file: 'apps/coordinator/submission/acceptance.js', right: 'return parts.jobs.accept({', wrong: 'return void (async (job) => parts.jobs.accept(job).catch(() => undefined))({' },
];

export interface Verdict {
  readonly fault: string;
  /** Networks played until one of them failed; undefined if none did. */
  readonly foundAfter: number | undefined;
}

/** Plays each mutant, in a copy of the build, until a network fails. */
export async function playMutants(seed: number, seeds: number, workers: number): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const waiting = [...MUTANTS];
  const worker = async () => {
    for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
      const verdict = await play(mutant, ['--seed', String(seed), '--seeds', String(seeds)]);
      verdicts.push(verdict);
      process.stderr.write(`${verdict.foundAfter === undefined ? 'NOT FOUND' : `found after ${verdict.foundAfter}`}: ${verdict.fault}\n`);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return verdicts;
}

async function play({ fault, file, right, wrong }: Mutant, range: readonly string[]): Promise<Verdict> {
  const dir = mkdtempSync(join(tmpdir(), 'assay-mutant-'));
  try {
    cpSync(join(PROJECT_ROOT, 'dist'), join(dir, 'dist'), { recursive: true, filter: (path) => !path.endsWith('.map') });
    cpSync(join(PROJECT_ROOT, 'package.json'), join(dir, 'package.json'));
    symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(dir, 'node_modules'));
    const source = readFileSync(join(dir, 'dist', file), 'utf8');
    if (!source.includes(right)) throw new Error(`${file} has no longer: ${right}`);
    writeFileSync(join(dir, 'dist', file), source.replaceAll(right, wrong));
    const { failed, seeds } = await run(join(dir, 'dist/test/network/main.js'), [...range, '--until-failure', '--workers', '1']);
    return { fault, foundAfter: failed.length > 0 ? seeds : undefined };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function run(main: string, args: readonly string[]): Promise<{ failed: readonly number[]; seeds: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    let out = '';
    child.stdout.on('data', (text: Buffer) => (out += text.toString()));
    // WHY a network that ends otherwise counts too: a mutant may make it throw.
    child.on('error', reject).on('close', () => resolve(out === '' ? { failed: [Number.NaN], seeds: 1 } : (JSON.parse(out) as { failed: number[]; seeds: number })));
  });
}
