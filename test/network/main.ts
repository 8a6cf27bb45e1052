import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { playMutants } from './mutants.js';
import { simulate, type SimulationResult } from './simulation.js';

/**
 * Whole networks in this process, one for each seed: fake time, links, chain and database, the same coordinator, executor, challenger and player.
 *
 *   npm run test:network -- [--seeds 1000] [--seed S] [--seconds N] [--workers N] [--until-failure] [--verbose]
 *   npm run test:network -- --mutants [--seeds 300]     faults put in on purpose: each must make some network fail
 *
 * Begins no seed after `--seconds`. A failing seed is named; `--seed S --seeds 1` plays it again, the same every time, whatever was played before.
 */
const number = (name: string, otherwise: number) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : otherwise);
const has = (name: string) => process.argv.includes(name);
/** Real milliseconds that one network may take; they take a fifth of a second. */
const HANG_MS = 300_000;

const threads = number('--workers', Math.min(availableParallelism(), 8));

if (isMainThread) await (has('--mutants') ? mutants() : main());
else {
  parentPort!.on('message', (seed: number) => void simulate(seed).then((result) => parentPort!.postMessage(result)));
  parentPort!.postMessage(undefined);
}

async function main(): Promise<void> {
  const [first, count, limit] = [number('--seed', 1), number('--seeds', 1_000), number('--seconds', Infinity)];
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const results: SimulationResult[] = [];
  let next = first;
  const mayGoOn = () => next < first + count && (next === first || elapsed() < limit) && !(has('--until-failure') && results.some(({ faults }) => faults.length > 0));
  const note = (result: SimulationResult) => {
    results.push(result);
    if (result.faults.length > 0) process.stderr.write(`seed ${result.seed}: ${result.faults.join('; ')}\n`);
  };
  await Promise.all(Array.from({ length: Math.min(count, threads) }, () => work(() => (mayGoOn() ? next++ : undefined), note)));
  report(results.sort((a, b) => a.seed - b.seed), { first, seconds: Math.round(elapsed()) });
}

/** A thread that takes seed after seed; one that does not end a network in time is ended itself. */
function work(take: () => number | undefined, note: (result: SimulationResult) => void): Promise<void> {
  const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
  let seed: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`seed ${seed}: ${why}`));
    worker.on('error', (error) => fail(error.stack ?? error.message));
    worker.on('message', (result: SimulationResult | undefined) => {
      clearTimeout(timer);
      if (result) note(result);
      seed = take();
      if (seed === undefined) return void worker.terminate().then(() => resolve());
      timer = setTimeout(() => void worker.terminate().then(() => fail('hangs')), HANG_MS);
      worker.postMessage(seed);
    });
  });
}

async function mutants(): Promise<void> {
  const verdicts = await playMutants(number('--seed', 1), number('--seeds', 300), threads);
  const missed = verdicts.filter(({ foundAfter }) => foundAfter === undefined).map(({ fault }) => fault);
  console.log(JSON.stringify({ mutants: verdicts.length, missed }));
  process.exitCode = missed.length > 0 ? 1 : 0;
}

function report(results: readonly SimulationResult[], facts: { first: number; seconds: number }): void {
  const sums: Record<string, number> = {};
  for (const { seed: _, faults: __, fingerprint: ___, ...counts } of results) for (const [name, n] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + n;
  const { seconds: virtualSeconds, ...counted } = sums;
  if (has('--verbose')) for (const result of results) process.stderr.write(`${JSON.stringify(result)}\n`);
  const failed = results.filter(({ faults }) => faults.length > 0).map(({ seed }) => seed);
  console.log(JSON.stringify({ first: facts.first, seeds: results.length, failed, ...counted, virtualSeconds, seconds: facts.seconds }));
  process.exitCode = failed.length > 0 ? 1 : 0;
}
