import { rm } from 'node:fs/promises';
import { privateKeyToAccount } from 'viem/accounts';
import { claimDigest } from '#core/protocol';
import { connectChain, type Chain } from '#io/chain';
import { connect, listDisputes, type Assay } from '#sdk';
import { startNetwork, type Fault, type Network } from '#testing';
import type { SampleModel } from '../sample-models.js';
import { sampleFile } from '../sample-models.js';
import { ledgerText, readLedger } from './balances.js';
import { Cast } from './cast.js';
import { ChainWatch, type Seen } from './chain-watch.js';
import { documentOf, type DemoDocument } from './document.js';
import { LIAR, type Evidence, type Told } from './evidence.js';
import { sideBySide } from './picture.js';
import { PICTURE_WIDTH, questionsFor, Yardstick, type Question } from './questions.js';
import { short, Story } from './story.js';

export interface DemoOptions {
  readonly dir: string;
  readonly model: SampleModel;
  readonly photo?: string;
  readonly fault: Fault;
  readonly say: (line: string) => void;
  /** Details of starting; kept out of the story. */
  readonly progress: (line: string) => void;
}

const QUESTIONS: Record<SampleModel, number> = { mnist: 6, squeezenet: 3 };
/** Rounds of questions until the liar got one: it takes its share of the jobs, not every second one. */
const MAX_ROUNDS = 5;
/** Silence is judged by the clock: short enough to watch, long enough for an honest player on a busy machine. */
const SILENT_CLOCK = { clock: 15, extension: 8 };
const WAIT = { peers: 30_000, verdict: 180_000, rerun: 60_000, batched: 60_000 };

/** A fresh network with one liar. The caller stops it. */
export function startDemoNetwork({ dir, fault, progress }: DemoOptions): Promise<Network> {
  return startNetwork({
    dir,
    faults: { [LIAR]: fault },
    environment: { 'challenger-2': { ASSAY_SAMPLE_ALL: 'true' } },
    rules: fault === 'silent' ? { disputes: SILENT_CLOCK } : {},
    report: progress,
  });
}

/** Plays the whole story on a network that startDemoNetwork made. */
export function playDemo(options: DemoOptions, network: Network): Promise<DemoDocument> {
  return new Demo(options, network).play();
}

class Demo {
  private readonly cast: Cast;
  private readonly timings: Record<string, number>;

  constructor(
    private readonly options: DemoOptions,
    private readonly network: Network,
  ) {
    this.cast = new Cast(network);
    this.timings = { ...network.timings };
  }

  async play(): Promise<DemoDocument> {
    const { urls, deployment, keys } = this.network;
    const chain = await connectChain({ rpcUrl: urls.rpc, deployment, pollMs: 50 });
    const assay = await connect({ url: urls.grpc, deployment, account: privateKeyToAccount(keys.privateKey('submitter')) });
    try {
      return await this.withConnections(chain, assay);
    } finally {
      assay.close();
    }
  }

  private async withConnections(chain: Chain, assay: Assay): Promise<DemoDocument> {
    const { model, photo, say } = this.options;
    const questions = await questionsFor(model, { count: QUESTIONS[model], ...(photo ? { photo } : {}) });
    const yardstick = await Yardstick.measure(model, questions);
    const story = new Story({ chain, cast: this.cast, say, valueName: (i) => yardstick.model.valueNames[i] });
    const watch = await ChainWatch.start(chain, story.tell);
    try {
      await this.introduce(story, assay);
      const before = await readLedger(chain, this.cast.accounts);
      const told = await this.timed('answers', () => this.ask({ story, assay, yardstick, questions }));
      await this.timed('disputes', () => this.awaitVerdicts(watch, told));
      await this.timed('rerun', () => this.awaitRightAnswers({ story, assay, yardstick, told }));
      const receipts = await this.timed('receipts', () => this.checkReceipts({ story, assay, chain, told }));
      const after = await readLedger(chain, this.cast.accounts);
      story.end();
      say(`\n${ledgerText(before, after)}\n`);
      const evidence: Evidence = { told, before, after, seen: watch.seen, disputes: await listDisputes(chain), receipts, timings: this.timings };
      return documentOf(evidence, { cast: this.cast, model: yardstick, fault: this.options.fault });
    } finally {
      watch.stop();
    }
  }

  private async introduce(story: Story, assay: Assay): Promise<void> {
    const { model, fault } = this.options;
    const { modelId, bytes } = await this.timed('model', async () => assay.register({ name: model, file: await sampleFile(model) }));
    story.say(`a network runs: broker, chain, coordinator, ${this.network.record.executors} executors, ${this.network.record.challengers} challengers, each its own process`);
    story.say(`${model} is registered as ${short(modelId)} (${bytes} bytes in canonical form)`);
    story.say(`${LIAR} was told to lie (${fault}); challenger-1 checks what the beacon draws, challenger-2 everything, as anyone may`);
    await this.awaitPeers(assay);
  }

  private async awaitPeers(assay: Assay): Promise<void> {
    const wanted = this.network.members.length - 1;
    const stop = new AbortController();
    for await (const { peers } of assay.client.watchStatus({ timeoutMs: WAIT.peers, signal: stop.signal })) if (peers.length >= wanted) break;
    stop.abort();
  }

  /** Asks everything at once, again if the liar did not get any of it. */
  private async ask({ story, assay, yardstick, questions }: { story: Story; assay: Assay; yardstick: Yardstick; questions: readonly Question[] }): Promise<Told[]> {
    const pictures = questions.flatMap((q) => (q.picture ? [q.picture] : []));
    for (const line of sideBySide(pictures, PICTURE_WIDTH)) this.options.say(`          ${line}`);
    const all: Told[] = [];
    for (let round = 0; round < MAX_ROUNDS && !all.some((t) => !t.right); round++) {
      const told = await Promise.all(questions.map((question) => askOne(assay, yardstick, question)));
      for (const t of told) story.say(this.answerText(yardstick, t));
      all.push(...told);
    }
    return all;
  }

  private answerText(yardstick: Yardstick, { question, answer, ms, right }: Told): string {
    const label = question.label === undefined ? '' : ` (written: ${question.label})`;
    return `${question.name}${label}: ${this.cast.nameOf(answer.executor)} answers ${yardstick.say(answer.outputs)} in ${ms} ms${right ? '' : '  ← not the bytes that this machine computes'}`;
  }

  private async awaitVerdicts(watch: ChainWatch, told: readonly Told[]): Promise<void> {
    const { chainId, disputes } = this.network.deployment;
    const lies = told.filter((t) => !t.right).map((t) => claimDigest({ chainId, disputes }, t.answer.claim));
    await watch.until('every lie paid for, every dispute ended and settled', (seen) => lies.every((claim) => paidFor(seen, claim)) && noneOpen(seen), WAIT.verdict);
  }

  private async awaitRightAnswers({ story, assay, yardstick, told }: { story: Story; assay: Assay; yardstick: Yardstick; told: readonly Told[] }): Promise<void> {
    for (const t of told) {
      const expected = yardstick.rootOf(t.question);
      if (t.right) {
        t.standing = { text: yardstick.say(t.answer.outputs), executor: this.cast.nameOf(t.answer.executor), right: true };
        continue;
      }
      await assay.until(t.answer.jobId, (job) => job.claim?.outputRoot === expected, WAIT.rerun);
      const job = await assay.job(t.answer.jobId);
      t.standing = { text: yardstick.say(job.outputs), executor: this.cast.nameOf(job.claim!.executor), right: job.claim!.outputRoot === expected };
      story.say(`${t.question.name} was run again at no cost: ${t.standing.executor} answers ${t.standing.text}`);
    }
  }

  /** The receipt of a job that was lied about and one that was not: verified against the chain, replayed on this machine. */
  private async checkReceipts({ story, assay, chain, told }: { story: Story; assay: Assay; chain: Chain; told: readonly Told[] }): Promise<Evidence['receipts']> {
    const chosen = [told.find((t) => !t.right), told.find((t) => t.right)].filter((t) => t !== undefined);
    const receipts = [];
    for (const { answer } of chosen) {
      await assay.until(answer.jobId, (job) => job.batchId !== undefined && job.state !== 'assigned', WAIT.batched);
      const { receipt } = await assay.job(answer.jobId);
      if (!receipt) continue;
      const verdict = await assay.verify(receipt, chain);
      const replay = await assay.replay(receipt, answer.inputs);
      story.say(`receipt of job ${short(answer.jobId)}: ${verdict.ok ? 'valid' : 'NOT VALID'} (${verdict.checks.length} checks, ${verdict.finality}); replayed here: ${replay.ok ? 'the same bytes' : 'OTHER BYTES'}`);
      receipts.push({ jobId: answer.jobId, verdict, replay });
    }
    return receipts;
  }

  private async timed<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = Date.now();
    const result = await work();
    this.timings[name] = Date.now() - started;
    return result;
  }
}

async function askOne(assay: Assay, yardstick: Yardstick, question: Question): Promise<Told> {
  const started = Date.now();
  const answer = await assay.submit({ model: yardstick.model.manifest.modelId, inputs: [question.input] });
  return { question, answer, ms: Date.now() - started, right: answer.claim.outputRoot === yardstick.rootOf(question) };
}

function paidFor(seen: readonly Seen[], claim: string): boolean {
  return seen.some(({ event }) => event.eventName === 'Settled' && event.args.claim === claim && event.args.bounty > 0n);
}

function noneOpen(seen: readonly Seen[]): boolean {
  const games = (name: 'Opened' | 'Settled') => new Set(seen.flatMap(({ event }) => (event.eventName === name ? [event.args.gameId] : [])));
  const settled = games('Settled');
  return [...games('Opened')].every((game) => settled.has(game));
}

/** Removes a demo's folder. */
export function forget(network: Network): Promise<void> {
  return rm(network.folder.dir, { recursive: true, force: true });
}
