/**
 * Do other processors give the same bits? Every operator's probes and every model that compiles, on this machine and on
 * those qemu-user imitates (machines.ts): bytes compared, and the self-test of each machine held to the result. The models
 * are those of ASSAY_MODELS_DIR, by default ../shared/models, and of this repository where there is no such folder.
 *
 *   npm run test:isa [-- --json] [-- --machines haswell,cortex-a72] [-- --models mnist,fraud] [-- --elements 100] [-- --seed 1]
 *
 * The emulator (Debian) and ARM64 programs (Debian, npm) are fetched once into .local/isa; nothing is installed.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { PROJECT_ROOT } from '#testing';
import { writeCorpus } from './corpus.js';
import type { Answer } from './exam.js';
import { MACHINES, type Machine } from './machines.js';
import { fetchTools, invocation } from './tools.js';

const MAX_ANSWER_BYTES = 64 * 2 ** 20;
/** Of one machine; an emulated one takes some minutes over all models. */
const TIME_LIMIT_MS = 40 * 60_000;

interface Row {
  readonly machine: string;
  readonly why: string;
  readonly expected: Machine['expected'];
  readonly elements: number;
  readonly wrongElements: number;
  readonly wrongOperators: readonly string[];
  readonly models: number;
  /** Models whose outputs or intermediate values differ from this machine's. */
  readonly differentModels: readonly string[];
  /** Models whose self-test refuses, and where it saw the first difference. */
  readonly refused: Readonly<Record<string, string>>;
  readonly passed: boolean;
  readonly seconds: number;
}

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    machines: { type: 'string', default: MACHINES.map(({ name }) => name).join(',') },
    models: { type: 'string', default: '' },
    elements: { type: 'string', default: '200' },
    seed: { type: 'string', default: '20261121' },
  },
});
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<void> {
  const wanted = options.machines.split(',');
  const unknown = wanted.filter((name) => !MACHINES.some((machine) => machine.name === name));
  if (unknown.length > 0) throw new Error(`no machine ${unknown.join(', ')}; there are ${MACHINES.map(({ name }) => name).join(', ')}`);
  const machines = MACHINES.filter(({ name, cpu }) => !cpu || wanted.includes(name));
  await fetchTools(progress);
  const folder = join(PROJECT_ROOT, '.local', `isa-corpus-${process.pid}`);
  try {
    progress(`seed ${options.seed}; writing the corpus …`);
    const { refused: notCompiled } = await writeCorpus({ folder, seed: Number(options.seed), elements: Number(options.elements), wanted: options.models.split(',').filter(Boolean) });
    const native = await examine(machines[0]!, folder);
    const rows = [judge(machines[0]!, native, native.answer)];
    for (const machine of machines.slice(1)) rows.push(judge(machine, await examine(machine, folder), native.answer));
    report(rows, notCompiled);
    process.exitCode = rows.every(({ passed }) => passed) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Examined {
  readonly answer: Answer;
  readonly seconds: number;
}

async function examine(machine: Machine, folder: string): Promise<Examined> {
  progress(`${machine.name} …`);
  const begun = Date.now();
  const { command, args, env } = invocation(machine, [join(PROJECT_ROOT, 'dist', 'test', 'isa', 'exam.js'), folder]);
  const running = promisify(execFile)(command, [...args], { env, maxBuffer: MAX_ANSWER_BYTES, timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL' });
  running.child.stderr?.pipe(process.stderr, { end: false });
  const { stdout } = await running;
  return { answer: JSON.parse(stdout) as Answer, seconds: (Date.now() - begun) / 1000 };
}

/** INVARIANT: a machine passes only if its self-test tells the truth about every model, and its bits are as expected. */
function judge(machine: Machine, { answer, seconds }: Examined, native: Answer): Row {
  const names = Object.keys(native.models);
  const differentModels = names.filter((name) => JSON.stringify(answer.models[name]?.runs) !== JSON.stringify(native.models[name]!.runs));
  const refused = Object.fromEntries(names.flatMap((name) => (answer.models[name]?.selfTest === 'refuses' ? [[name, answer.models[name].difference ?? '']] : [])));
  const same = answer.wrong.length === 0 && differentModels.length === 0 && Object.keys(refused).length === 0;
  // WHY not the reverse: a sampled self-test may refuse over a kernel whose difference the inputs of the runs do not show.
  const honest = differentModels.every((name) => name in refused);
  const passed = machine.expected === 'same' ? same : machine.expected === 'either' ? honest : Object.keys(refused).length === names.length;
  const wrongOperators = [...new Set(answer.wrong.map(({ operator }) => operator))];
  return { machine: machine.name, why: machine.why, expected: machine.expected, elements: answer.elements, wrongElements: answer.wrong.length, wrongOperators, models: names.length, differentModels, refused, passed, seconds };
}

function report(rows: readonly Row[], notCompiled: Readonly<Record<string, string>>): void {
  if (options.json) return void process.stdout.write(`${JSON.stringify({ seed: Number(options.seed), rows, notCompiled }, null, 2)}\n`);
  console.table(Object.fromEntries(rows.map((row) => [row.machine, { expected: row.expected, elements: row.elements, wrong: row.wrongElements, models: row.models, different: row.differentModels.length, refused: Object.keys(row.refused).length, seconds: Math.round(row.seconds), '': row.passed ? 'passed' : 'FAILED' }])));
  for (const { machine, wrongOperators, differentModels, refused } of rows) {
    if (wrongOperators.length > 0) console.log(`${machine}: other bits from ${wrongOperators.join(', ')}`);
    if (differentModels.length > 0) console.log(`${machine}: other values in ${differentModels.join(', ')}`);
    for (const [model, where] of Object.entries(refused)) console.log(`${machine}: the self-test refuses ${model} at ${where}`);
  }
  for (const [model, reason] of Object.entries(notCompiled)) console.log(`${model} does not compile: ${reason}`);
}

await main();
