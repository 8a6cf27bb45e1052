/**
 * How much should one move open? The same lies are played on the same models, by the real players on the real contracts, with
 * the two constants of the fan-out changed: tree levels in a reveal, and micro-steps revealed one by one.
 *
 *   npm run bench:fanout [-- --json] [-- --levels 3,4,5,6,7] [-- --states 64,128,256,512,1024] [-- --games 1] [-- mnist squeezenet stories260K]
 *
 * For each setting the project is copied, the constants are changed in FanOut.sol and fanout.js, Disputes is compiled, and
 * bench/dispute.ts runs there; that takes minutes. Then, without playing: what multi-proofs could save at most. Writes
 * docs/research/fanout.md.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MAX_OPENED_LEVELS, MAX_STATES } from '#core/dispute';
import { PROJECT_ROOT } from '#testing';
import { multiProofs } from './fanout/multi-proofs.js';
import { fanoutPage, type Measured, type Setting } from './fanout/page.js';

const PAGE = join(PROJECT_ROOT, 'docs/research/fanout.md');
const COPIED = ['package.json', 'dist', 'scripts', 'contracts/src', 'contracts/test', 'contracts/out', 'contracts/snapshots'];
const LINKED = ['node_modules', 'models'];

interface Played {
  readonly games: Measured['games'];
}

/** Plays with the constants of `setting` in a copy of the project. */
function play(setting: Setting, args: readonly string[]): Measured {
  const folder = mkdtempSync(join(tmpdir(), 'assay-fanout-'));
  try {
    for (const path of COPIED) cpSync(join(PROJECT_ROOT, path), join(folder, path), { recursive: true });
    for (const path of LINKED) symlinkSync(join(PROJECT_ROOT, path), join(folder, path));
    const { levels, states } = setting;
    replace(join(folder, 'contracts/src/libraries/FanOut.sol'), { 'MAX_LEVELS = \\d+': `MAX_LEVELS = ${levels}`, 'MAX_STATES = \\d+': `MAX_STATES = ${states}` });
    replace(join(folder, 'dist/libs/core/dispute/fanout.js'), { 'MAX_OPENED_LEVELS = \\d+': `MAX_OPENED_LEVELS = ${levels}`, 'MAX_STATES = \\d+': `MAX_STATES = ${states}` });
    run(folder, 0, ['scripts/compile-contracts.mjs', '--only', 'Disputes']);
    // It ends with 1 where a target is missed, as other settings may.
    const { games } = JSON.parse(run(folder, 1, ['dist/bench/dispute.js', '--json', ...args])) as Played;
    return { setting, games };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the command prints; throws if it ends with more than `most`. */
function run(cwd: string, most: number, command: readonly string[]): string {
  const { status, stdout } = spawnSync(process.execPath, command, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 });
  if (status === null || status > most) throw new Error(`${command.join(' ')} ended with ${status}`);
  return stdout;
}

function replace(file: string, changes: Readonly<Record<string, string>>): void {
  let text = readFileSync(file, 'utf8');
  for (const [pattern, to] of Object.entries(changes)) {
    if (!new RegExp(pattern).test(text)) throw new Error(`${file} has no ${pattern}`);
    text = text.replace(new RegExp(pattern), to);
  }
  writeFileSync(file, text);
}

/** The present setting first, then one constant changed at a time. */
function settings(levels: readonly number[], states: readonly number[]): Setting[] {
  const changed = [...levels.map((n) => ({ levels: n, states: MAX_STATES })), ...states.map((n) => ({ levels: MAX_OPENED_LEVELS, states: n }))];
  return [{ levels: MAX_OPENED_LEVELS, states: MAX_STATES }, ...changed.filter((one) => one.levels !== MAX_OPENED_LEVELS || one.states !== MAX_STATES)];
}

const numbers = (list: string): number[] => list.split(',').map(Number);

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      levels: { type: 'string', default: '2,3,4,5,6,7' },
      states: { type: 'string', default: '16,32,64,128,256,512,1024' },
      games: { type: 'string', default: '1' },
    },
  });
  const measured: Measured[] = [];
  for (const setting of settings(numbers(values.levels), numbers(values.states))) {
    console.error(`${setting.levels} levels, ${setting.states} states`);
    measured.push(play(setting, ['--games', values.games, ...positionals]));
  }
  const proofs = await multiProofs();
  const page = fanoutPage({ measured, proofs });
  writeFileSync(PAGE, page);
  console.log(values.json ? JSON.stringify({ measured, multiProofs: proofs }, null, 2) : page);
}

await main();
