import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compileModel } from '#core/onnx';
import { PROJECT_ROOT, seededRandom } from '#testing';
import { audit, type Cast, type Verdict } from './audit.js';
import { gather, type Places } from './evidence.js';
import { Load } from './load.js';
import { Scene, WINDOW, type SceneOptions } from './scene.js';
import { Weather } from './weather.js';

/**
 * Jobs through a network of real processes while these are killed, paused and cut off as a seed has it, cheaters among them.
 * At the end an audit recomputes from chain logs and database whether anything was lost, paid twice or wrongly slashed.
 *
 *   npm run test:chaos -- [--short] [--jobs N] [--strikes N] [--seed S] [--json] [--save] [--keep]
 */
const flag = (name: string) => process.argv.includes(name);
const number = (name: string, otherwise: number) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : otherwise);

const isShort = flag('--short');
const seed = number('--seed', Date.now() % 2 ** 31);
const jobs = number('--jobs', isShort ? 120 : 10_000);
const strikes = number('--strikes', isShort ? 14 : 500);
/** Seconds between two strikes, if the network keeps up. */
const every = number('--every', isShort ? 1.6 : 2.4);
/** Jobs that may be open before the weather waits. */
const MAX_OPEN = 400;
const SETTLE_MS = isShort ? 180_000 : 600_000;
const CAST: SceneOptions = isShort
  ? { coordinators: 2, executors: 2, cheaters: ['wrong-output'], challengers: 2, accuser: false, lieEvery: 3 }
  : { coordinators: 2, executors: 3, cheaters: ['wrong-output', 'wrong-intermediate', 'tampered-weights', 'wrong-partial-sum', 'silent', 'wrong-output', 'wrong-intermediate', 'wrong-partial-sum'], challengers: 2, accuser: true, lieEvery: 12 };

const say = (line: string) => process.stderr.write(`${((Date.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);
const began = Date.now();
say(`seed ${seed}: ${jobs} jobs, ${strikes} strikes`);
const scene = await Scene.open(CAST);
say('the network is up');
let unclean: string[] = [];
let failed = true;
try {
  const load = new Load(scene, seededRandom(seed + 1), jobs);
  const weather = new Weather(scene, seededRandom(seed), isShort ? 'short' : 'full');
  await storm(load, weather);
  const stormSeconds = (Date.now() - began) / 1000;
  const verdict = await settled(load);
  unclean = await scene.close({ keep: true });
  failed = report(load, weather, { verdict, stormSeconds });
} finally {
  await scene.close({ keep: failed || flag('--keep') });
  if (failed) say(`logs: ${scene.folder.dir}`);
}
process.exitCode = failed ? 1 : 0;

/** Strikes and jobs keep step, so that neither is over long before the other. */
async function storm(load: Load, weather: Weather): Promise<void> {
  await load.start();
  const cheaterEvery = Math.ceil(strikes / CAST.cheaters.length);
  load.release(Math.ceil(jobs / strikes));
  for (let count = 0; count < strikes; count++) {
    await sleep(every * 1000);
    while (load.open > MAX_OPEN) await sleep(200);
    await weather.strike();
    load.release(Math.ceil(((count + 2) * jobs) / strikes));
    if (count > 0 && count % cheaterEvery === 0) void scene.nextCheater().catch((error: unknown) => say(`a cheater does not start: ${String(error)}`));
    if ((count + 1) % 20 === 0) say(`${count + 1} strikes, ${load.answered} jobs answered, ${load.open} open`);
  }
  await weather.calm();
  say(`${weather.count} strikes are over, ${load.answered} of ${jobs} jobs answered`);
  await load.done();
  say('every job is answered');
}

/** Waits, while all is calm, for what a calm network does; the chain's clock is moved past a window when no game is open and nobody drawn is at large. */
async function settled(load: Load): Promise<Verdict> {
  const places: Places = { rpcUrl: scene.rpcUrl, databaseUrl: scene.postgres.url, deployment: scene.deployment, model: compileModel(scene.model) };
  const cast: Cast = {
    jobIds: load.jobIds,
    honestExecutors: scene.honestExecutors.map((name) => scene.addressOf(name)),
    honestChallengers: scene.honestChallengers.map((name) => scene.addressOf(name)),
    accusers: scene.accusers.map((name) => scene.addressOf(name)),
    unit: await scene.chain.batches.unit(),
  };
  let verdict: Verdict;
  for (const end = Date.now() + SETTLE_MS; ; await sleep(1_500)) {
    verdict = await audit(await gather(places), cast);
    const atLarge = verdict.cheatersDrawn - verdict.cheatersCaught;
    if ((verdict.lost === 0 && atLarge === 0 && verdict.gamesOpen === 0) || Date.now() > end) return verdict;
    say(`${verdict.gamesOpen} games open, ${atLarge} cheaters at large, ${verdict.lost} jobs not final`);
    if (atLarge === 0 && verdict.gamesOpen === 0 && (await nothingOnItsWay())) await passWindow();
  }
}

/** WHY: what lands after the jump needs another one. */
async function nothingOnItsWay(): Promise<boolean> {
  const { accepted, assigned, answered, batched, overturned } = (await scene.submitters[0]!.status().catch(() => undefined))?.jobs ?? { accepted: 1 };
  return [accepted, assigned, answered, batched, overturned].every((count) => !count);
}

async function passWindow(): Promise<void> {
  const { client } = scene.chain;
  await client.request({ method: 'evm_increaseTime', params: [Number(WINDOW) + 1] } as never);
  await client.request({ method: 'evm_mine', params: [] } as never);
}

function report(load: Load, weather: Weather, { verdict, stormSeconds }: { verdict: Verdict; stormSeconds: number }): boolean {
  const { faults, ...figures } = verdict;
  const { lost, paidTwice, honestSlashed, cheatersDrawn, cheatersCaught } = figures;
  const names = scene.units.filter((unit) => unit.deaths > 0).map((unit) => `${unit.options.name}: ${unit.deaths}`);
  const result = {
    ...{ seed, jobs: load.jobIds.length + load.byGateway, kills: weather.count, lost, paidTwice, honestSlashed, cheatersDrawn, cheatersCaught },
    strikes: { ...weather.totals, ...Object.fromEntries([...weather.byCard].sort()) },
    lies: figures.lies,
    liesDrawn: figures.liesDrawn,
    batches: figures.batches,
    games: figures.games,
    gamesOpen: figures.gamesOpen,
    byGateway: load.byGateway,
    sentAgain: Object.fromEntries(load.again),
    endedByThemselves: names,
    uncleanStops: unclean,
    stormSeconds: Math.round(stormSeconds),
    seconds: Math.round((Date.now() - began) / 1000),
    cores: cpus().length,
  };
  for (const fault of faults.slice(0, 20)) say(`WRONG: ${fault}`);
  const bad = lost + paidTwice + honestSlashed + figures.gamesOpen > 0 || cheatersCaught !== cheatersDrawn || cheatersDrawn === 0 || load.answered !== jobs;
  if (flag('--json')) console.log(JSON.stringify(result));
  else console.log(`${bad ? 'FAILED' : 'passed'}: ${JSON.stringify(result, null, 2)}`);
  if (flag('--save')) {
    mkdirSync(join(PROJECT_ROOT, 'bench/results'), { recursive: true });
    writeFileSync(join(PROJECT_ROOT, 'bench/results/chaos.json'), `${JSON.stringify(result, null, 2)}\n`);
  }
  return bad;
}
