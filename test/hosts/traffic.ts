import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { privateKeyToAccount } from 'viem/accounts';
import type { Root, Tensor } from '#core/hashing';
import { asAssayError } from '#core/protocol';
import { buildRequest, signRequest } from '#sdk';
import { PROJECT_ROOT, type Random } from '#testing';
import type { ModelView } from '#io/rpc';
import { noise, sourceModel } from '../models/building.js';
import type { Cluster } from './cluster.js';

/** More than a message holds inline: inputs and outputs go through the object store of the broker's cluster. */
const WIDE = [1, 66_000];
const WAIT_MS = 4_000;
const AGAIN_MS = 200;
const GIVE_UP_MS = 120_000;
const WORKERS = 3;

/** What became of the requests, as their submitter sees it. */
export interface Sent {
  readonly answered: Set<Root>;
  readonly lost: Map<Root, string>;
  /** How often a call had to be repeated, by code. */
  readonly repeated: Map<string, number>;
  longestMs: number;
}

/** Submitters outside that ask without pause, of whichever coordinator, the same signed request until it is answered. */
export class Traffic {
  readonly sent: Sent = { answered: new Set(), lost: new Map(), repeated: new Map(), longestMs: 0 };
  private workers: Promise<void>[] = [];
  private stopping = false;

  private constructor(
    private readonly cluster: Cluster,
    private readonly random: Random,
    private readonly models: readonly ModelView[],
  ) {}

  static async start(cluster: Cluster, random: Random): Promise<Traffic> {
    const wide = sourceModel({ nodes: [{ op: 'Relu', inputs: ['x'], output: 'y' }], inputs: { x: WIDE }, outputs: { y: WIDE } });
    const [first] = cluster.clients;
    const mnist = await first!.registerModel({ name: 'mnist', file: readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx')) });
    const traffic = new Traffic(cluster, random, [mnist, mnist, await first!.registerModel({ name: 'wide', file: wide })]);
    traffic.workers = Array.from({ length: WORKERS }, () => traffic.work());
    return traffic;
  }

  /** Takes up nothing new, waits for what is under way. */
  async stop(): Promise<Sent> {
    this.stopping = true;
    await Promise.all(this.workers);
    return this.sent;
  }

  private async work(): Promise<void> {
    while (!this.stopping) {
      await this.ask();
      await sleep(this.random.between(50, 150));
    }
  }

  private async ask(): Promise<void> {
    const { sent, random } = this;
    const { modelId, inputs: headers } = random.pick(this.models);
    const inputs = headers.map(({ dims }) => noise(dims, random.between(1, 2 ** 31)));
    const submission = await this.signed(modelId, inputs);
    const started = performance.now();
    for (let code = 'none'; ; await sleep(AGAIN_MS)) {
      const waited = performance.now() - started;
      if (waited > GIVE_UP_MS) return void sent.lost.set(submission.jobId, code);
      try {
        await random.pick(this.cluster.clients).submit(submission, WAIT_MS);
        sent.answered.add(submission.jobId);
        sent.longestMs = Math.max(sent.longestMs, Math.round(performance.now() - started));
        return;
      } catch (error) {
        code = asAssayError(error).code;
        sent.repeated.set(code, (sent.repeated.get(code) ?? 0) + 1);
        if (code === 'JOB_FAILED') return void sent.lost.set(submission.jobId, code);
      }
    }
  }

  private async signed(modelId: Root, inputs: readonly Tensor[]) {
    const account = privateKeyToAccount(this.cluster.keys.privateKey('submitter'));
    const { chainId, disputes } = this.cluster.deployment;
    const request = buildRequest(account, { modelId, inputs, now: BigInt(Math.floor(Date.now() / 1000)), insuredValue: 1_000n });
    const { message, signature, jobId } = await signRequest(account, { chainId, disputes }, request);
    return { request: message, signature, inputs, jobId };
  }
}
