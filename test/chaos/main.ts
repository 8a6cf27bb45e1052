import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compileModel } from '#core/onnx';
import { PROJECT_ROOT, seededRandom } from '#testing';
import { audit, type Cast, type Verdict } from './audit.js';
import { gather, Memory, type Places } from './evidence.js';
import { Load } from './load.js';
import { page, type Result } from './page.js';
import { Scene, WINDOW, type SceneOptions } from './scene.js';
import { Weather } from './weather.js';

/**
 * Jobs through a network of real processes while these are killed, paused and cut off as a seed has it, cheaters among them.
 * At the end an audit recomputes from chain logs and database whether anything was lost, paid twice or wrongly slashed.
 * It ends by itself: what is not struck and submitted three quarters into its time no longer is, and the rest is for coming to rest.
 *
 *   npm run test:chaos -- [--short] [--jobs N] [--strikes N] [--minutes N] [--seed S] [--json] [--save] [--keep]
 */
const flag = (name: string) => process.argv.includes(name);
const number = (name: string, otherwise: number) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : otherwise);

const isShort = flag('--short');
const seed = number('--seed', Date.now() % 2 ** 31);
const jobs = number('--jobs', isShort ? 120 : 10_200);
const strikes = number('--strikes', isShort ? 14 : 510);
const minutes = number('--minutes', isShort ? 8 : 90);
/** Seconds between two strikes at least. */
const every = number('--every', isShort ? 1.6 : 1.5);
const AT_ONCE = isShort ? 48 : 96;
/** Jobs that are submitted before the one that the next strike is for is answered. */
const AHEAD = AT_ONCE + 2 * Math.ceil(jobs / strikes);
/** Of all time, what is for striking and for submitting. */
const STORM_SHARE = 0.75;
const SAY_EVERY_MS = 5_000;
const LOOK_EVERY_MS = 2_000;
const CAST: SceneOptions = isShort
  ? { brokers: 1, coordinators: 2, executors: 2, cheaters: ['wrong-output'], challengers: 2, accuser: false, lieEvery: 1 }
  : { brokers: 3, coordinators: 2, executors: 3, cheaters: ['wrong-output', 'wrong-intermediate', 'tampered-weights', 'wrong-partial-sum', 'silent', 'wrong-output', 'wrong-intermediate', 'wrong-partial-sum'], challengers: 2, accuser: true, lieEvery: 12 };

const began = Date.now();
const stormEnds = began + STORM_SHARE * minutes * 60_000;
const allEnds = began + minutes * 60_000;
const say = (line: string) => process.stderr.write(`${((Date.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);
say(`seed ${seed}: ${jobs} jobs, ${strikes} strikes, at most ${minutes} minutes`);
const scene = await Scene.open(CAST);
say('the network is up');
let unclean: string[] = [];
let failed = true;
try {
  const load = new Load(scene, seededRandom(seed + 1), { jobs, atOnce: AT_ONCE });
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
  const progress = setInterval(() => say(`${weather.count} strikes, ${load.answered} jobs answered, ${load.open} open`), SAY_EVERY_MS);
  const cheaterEvery = Math.ceil(strikes / CAST.cheaters.length);
  for (let count = 0; count < strikes && Date.now() < stormEnds; count++) {
    const due = Math.ceil((count * jobs) / strikes);
    load.release(due + AHEAD);
    await sleep(every * 1000);
    while (load.answered < due && Date.now() < stormEnds) await sleep(100);
    await weather.strike();
    if (count > 0 && count % cheaterEvery === 0) void scene.nextCheater().catch((error: unknown) => say(`a cheater does not start: ${String(error)}`));
  }
  await weather.calm();
  say(`${weather.count} strikes are over, ${load.answered} of ${jobs} jobs answered`);
  await load.done(stormEnds);
  clearInterval(progress);
  say(load.unanswered === 0 ? `${load.answered} jobs are answered` : `${load.unanswered} jobs have no answer`);
}

/**
 * Waits, while all is calm, for what a calm network does; the chain's clock is moved past a window when no game is open, nobody drawn is at
 * large, and no lie that somebody was drawn for is still to be disputed.
 */
async function settled(load: Load): Promise<Verdict> {
  const places: Places = { rpcUrl: scene.rpcUrl, databaseUrl: scene.postgres.url, deployment: scene.deployment, model: compileModel(scene.model) };
  const cast: Cast = {
    jobIds: load.jobIds,
    honestExecutors: scene.honestExecutors.map((name) => scene.addressOf(name)),
    honestChallengers: scene.honestChallengers.map((name) => scene.addressOf(name)),
    accusers: scene.accusers.map((name) => scene.addressOf(name)),
    unit: await scene.chain.batches.unit(),
  };
  const memory = new Memory();
  for (; Date.now() < allEnds; await sleep(LOOK_EVERY_MS)) {
    const { lost, paidTwice, honestSlashed, cheatersDrawn, cheatersCaught, gamesOpen, liesLeft } = await audit(await gather(places, memory), cast);
    const atLarge = cheatersDrawn - cheatersCaught;
    if (lost + atLarge + gamesOpen === 0) break;
    const onTheirWay = await unfinished();
    say(`${gamesOpen} games open, ${liesLeft} lies to dispute, ${atLarge} cheaters at large, ${lost} jobs not final, ${onTheirWay} of them not on chain, ${paidTwice} paid twice, ${honestSlashed} honest slashed`);
    if (atLarge + gamesOpen + liesLeft + onTheirWay === 0) await passWindow();
  }
  return audit(await gather(places), cast);
}

/** WHY: what lands after the jump needs another one. */
async function unfinished(): Promise<number> {
  const { accepted, assigned, answered, batched, overturned } = (await scene.submitters[0]!.status().catch(() => undefined))?.jobs ?? { accepted: 1 };
  return [accepted, assigned, answered, batched, overturned].reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

async function passWindow(): Promise<void> {
  const { client } = scene.chain;
  await client.request({ method: 'evm_increaseTime', params: [Number(WINDOW) + 1] } as never);
  await client.request({ method: 'evm_mine', params: [] } as never);
}

function report(load: Load, weather: Weather, { verdict, stormSeconds }: { verdict: Verdict; stormSeconds: number }): boolean {
  const { faults, lost, paidTwice, honestSlashed, cheatersDrawn, cheatersCaught, ...figures } = verdict;
  const result: Result = {
    ...{ seed, jobs: load.jobIds.length + load.byGateway, kills: weather.count, lost, paidTwice, honestSlashed, cheatersDrawn, cheatersCaught },
    planned: { jobs, kills: strikes },
    strikes: { ...weather.totals, ...Object.fromEntries([...weather.byCard].sort()) },
    ...figures,
    byGateway: load.byGateway,
    unanswered: load.unanswered,
    sentAgain: Object.fromEntries(load.again),
    endedByThemselves: scene.units.filter(({ deaths }) => deaths.length > 0).map(({ options, deaths }) => `${options.name}: ${deaths.length}`),
    uncleanStops: unclean,
    stormSeconds: Math.round(stormSeconds),
    seconds: Math.round((Date.now() - began) / 1000),
    cores: cpus().length,
  };
  const deaths = scene.units.flatMap((unit) => unit.deaths);
  for (const fault of [...faults.slice(0, 20), ...deaths]) say(`WRONG: ${fault}`);
  const bad = deaths.length + lost + paidTwice + honestSlashed + figures.unpaid + figures.gamesOpen + load.unanswered > 0 || cheatersCaught !== cheatersDrawn || cheatersDrawn === 0 || load.answered < jobs || weather.count < strikes;
  console.log(flag('--json') ? JSON.stringify(result) : `${bad ? 'FAILED' : 'passed'}: ${JSON.stringify(result, null, 2)}`);
  if (flag('--save')) save(result);
  return bad;
}

function save(result: Result): void {
  const folder = join(PROJECT_ROOT, 'bench/results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'chaos.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(folder, 'chaos.md'), page(result));
}
