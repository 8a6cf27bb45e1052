import { setTimeout as sleep } from 'node:timers/promises';
import { elementCount, type Dtype, type Root, type Tensor } from '#core/hashing';
import { asAssayError } from '#core/protocol';
import type { Assay, SignedRequest } from '#sdk';
import type { Random } from '#testing';
import type { Scene } from './scene.js';

/** One of so many goes through the gateway. */
const BY_GATEWAY = 40;
const WAIT_MS = 30_000;
const AGAIN_MS = 250;
const DEADLINE_SECONDS = 14_400n;

export interface LoadOptions {
  readonly jobs: number;
  /** Jobs that wait for their answers at once. */
  readonly atOnce: number;
}
const INSURED = 10n ** 15n;

/** Submitters who want their answers: each sends its one signed request again and again, to any coordinator, until it is answered. */
export class Load {
  readonly jobIds: Root[] = [];
  answered = 0;
  /** Given up because all had to end. */
  unanswered = 0;
  byGateway = 0;
  /** Why a request had to be sent again, by code. */
  readonly again = new Map<string, number>();
  private header!: { name: string; dtype: Dtype; dims: readonly number[] };
  private modelId!: Root;
  private released = 0;
  private started = 0;
  private over = false;
  private readonly workers: Promise<void>[] = [];

  constructor(
    private readonly scene: Scene,
    private readonly random: Random,
    private readonly options: LoadOptions,
  ) {}

  async start(): Promise<void> {
    const { modelId, inputs } = await this.scene.submitters[0]!.model({ name: this.scene.modelName });
    this.modelId = modelId;
    this.header = inputs[0] as typeof this.header;
    for (let i = 0; i < this.options.atOnce; i++) this.workers.push(this.work());
  }

  /** Jobs up to this number may be submitted now. */
  release(upTo: number): void {
    if (!this.over) this.released = Math.min(this.options.jobs, upTo);
  }

  /** Released and not answered yet. */
  get open(): number {
    return this.released - this.answered;
  }

  /** Resolves when every job is answered, or given up because `endsAt` (milliseconds since 1970) has passed. */
  async done(endsAt: number): Promise<void> {
    this.release(this.options.jobs);
    const timer = setTimeout(() => this.end(), Math.max(0, endsAt - Date.now()));
    await Promise.all(this.workers);
    clearTimeout(timer);
  }

  /** Submits nothing more; jobs that are submitted are waited for as long as one try takes. */
  private end(): void {
    this.over = true;
    this.released = this.started;
  }

  private async work(): Promise<void> {
    while (this.started < this.options.jobs && !this.over) {
      if (this.started >= this.released) {
        await sleep(50);
        continue;
      }
      const number = ++this.started;
      const input = this.input();
      const insuredValue = this.random.next() < 0.5 ? INSURED : 0n;
      const isAnswered = number % BY_GATEWAY === 0 ? await this.infer(input) : await this.submit(input, insuredValue);
      if (isAnswered) this.answered++;
      else this.unanswered++;
    }
  }

  /** A scribble; a few are the same. */
  private input(): Tensor {
    const { dtype, dims } = this.header;
    const pixels = Float32Array.from({ length: elementCount(dims) }, () => (this.random.next() < 0.15 ? this.random.between(1, 256) : 0));
    return { dtype, dims, data: new Uint8Array(pixels.buffer) };
  }

  private async submit(input: Tensor, insuredValue: bigint): Promise<boolean> {
    const { submitters } = this.scene;
    const deadline = BigInt(Math.floor(Date.now() / 1000)) + DEADLINE_SECONDS;
    const request = await submitters[0]!.sign({ model: this.modelId, inputs: [input], insuredValue, deadline });
    this.jobIds.push(request.jobId);
    return this.untilAnswered(() => this.send(this.random.pick(submitters), request, input));
  }

  private async send(assay: Assay, request: SignedRequest, input: Tensor): Promise<void> {
    await assay.send(request, { inputs: [input], waitMs: WAIT_MS });
  }

  /** Through the gateway by REST. WHY each try is another job: its caller has nothing to sign with. */
  private async infer(input: Tensor): Promise<boolean> {
    const { url, key } = this.scene.gateway;
    const pixels = [...new Float32Array(input.data.buffer as ArrayBuffer)];
    const body = JSON.stringify({ inputs: [{ name: this.header.name, datatype: 'FP32', shape: input.dims, data: pixels }] });
    const isAnswered = await this.untilAnswered(async () => {
      const response = await fetch(`${url}/v2/models/${this.scene.modelName}/infer`, { method: 'POST', body, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, signal: AbortSignal.timeout(2 * WAIT_MS) });
      const text = await response.text();
      if (!response.ok) throw new Error(`gateway ${response.status}: ${text.slice(0, 60)}`);
    });
    this.byGateway += Number(isAnswered);
    return isAnswered;
  }

  private async untilAnswered(attempt: () => Promise<void>): Promise<boolean> {
    for (; !this.over; await sleep(AGAIN_MS)) {
      try {
        await attempt();
        return true;
      } catch (error) {
        const known = asAssayError(error);
        const reason = known.code === 'INTERNAL' ? `${known.message} ${(error as Error).message ?? ''}`.slice(0, 80) : known.code;
        this.again.set(reason, (this.again.get(reason) ?? 0) + 1);
      }
    }
    return false;
  }
}

