import type { Tensor } from '#core/hashing';
import { asAssayError, AssayError, formatReceipt } from '#core/protocol';
import type { ApiKey, KeyAccount, KeyBook, SpendingBook } from '#io/keys';
import { measured, type CallMetrics, type Drain } from '#platform';
import { inputRootOf, type Answered, type Assay, type SignedRequest } from '#sdk';
import type { ModelDirectory, NamedModel } from '../models/directory.js';
import { inputTensors, type GivenInput, type NamedHeader } from '../tensors/inputs.js';
import { outputOf, type GivenOutput } from '../tensors/outputs.js';
import { inferOptions, requirePlainTensor, type InferOptions, type Parameters } from './options.js';
import { isUncharged } from './payment.js';
import type { Statistics } from './statistics.js';

export interface InferRequest {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: Parameters;
  readonly inputs: readonly (GivenInput & { readonly parameters: Parameters })[];
  /** None: all of the model's. */
  readonly outputs: readonly { readonly name: string; readonly parameters: Parameters }[];
}

export interface InferResponse {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly outputs: readonly GivenOutput[];
}

/** Who calls, and until when. */
export interface Caller {
  /** Value of `authorization`. */
  readonly authorization: string | undefined;
  /** Milliseconds the caller will wait; the usual if left out. */
  readonly waitMs?: number;
  /** Aborts when the caller hangs up. */
  readonly gone: AbortSignal;
}

export interface InferenceParts {
  readonly assay: Pick<Assay, 'sign' | 'send'>;
  readonly directory: ModelDirectory;
  readonly keys: KeyBook;
  readonly spending: SpendingBook;
  readonly statistics: Statistics;
  readonly metrics: CallMetrics;
  readonly drain: Drain;
  readonly waitMs: number;
  readonly now: () => number;
}

/** One inference for a caller who cannot sign: authenticate, decode, set aside, sign, submit, settle, encode. */
export class InferenceService {
  constructor(private readonly parts: InferenceParts) {}

  /** False once the process stops: another is to be asked. */
  get isOpen(): boolean {
    return !this.parts.drain.isClosing;
  }

  /** Aborts when nobody is to wait here any longer. */
  get stopping(): AbortSignal {
    return this.parts.drain.ended;
  }

  /** @throws AssayError of the keys, tensors, models and options; as the coordinator's */
  infer(request: InferRequest, caller: Caller): Promise<InferResponse> {
    return measured(this.parts.metrics, () => this.parts.drain.run(() => this.inferred(request, caller)), (error) => asAssayError(error).code);
  }

  private async inferred(request: InferRequest, caller: Caller): Promise<InferResponse> {
    const key = await this.keyOf(caller);
    const model = await this.parts.directory.find(request.model, request.version);
    const started = process.hrtime.bigint();
    const note = (ok: boolean) => this.parts.statistics.note(model.model.modelId, { ok, ns: process.hrtime.bigint() - started, at: this.parts.now() });
    try {
      const response = await this.answer(request, { ...caller, key, model });
      note(true);
      return response;
    } catch (error) {
      note(false);
      throw error;
    }
  }

  private keyOf({ authorization }: Caller): Promise<ApiKey> {
    const [, text] = /^Bearer +(\S{1,256})$/i.exec(authorization ?? '') ?? [];
    if (text === undefined) throw new AssayError({ code: 'KEY_MISSING' });
    return this.parts.keys.authenticate(text, this.parts.now());
  }

  private async answer(request: InferRequest, { key, model, waitMs, gone }: Caller & { readonly key: ApiKey; readonly model: NamedModel }): Promise<InferResponse> {
    const options = inferOptions(request.parameters);
    const wanted = wantedOutputs(request.outputs, model.model.outputs as readonly NamedHeader[]);
    for (const { parameters } of request.inputs) requirePlainTensor(parameters);
    const inputs = inputTensors(request.inputs, model.model.inputs as readonly NamedHeader[]);
    const account = await this.parts.spending.of(key.id);
    const signed = await this.setAside(account, { key, options, model, inputs });
    const answered = await this.submit(account, { signed, inputs, gone, waitMs: Math.min(...[this.parts.waitMs, waitMs, options.waitMs].filter((ms) => ms !== undefined)) });
    const outputs = wanted.map(({ name, index, datatype }) => outputOf(name, answered.outputs[index]!, datatype));
    return { model: request.model, version: model.version, id: request.id, parameters: provenance(answered), outputs };
  }

  /**
   * The request to submit: what the caller named before by this idempotency key, else a new one, signed with the price of now
   * as the highest fee, which comes off the key's cap before anybody sees the request.
   */
  private async setAside(account: KeyAccount, { key, options, model, inputs }: Job & { key: ApiKey }): Promise<SignedRequest> {
    const { modelId } = model.model;
    const idempotencyKey = options.idempotencyKey ?? null;
    const before = idempotencyKey === null ? undefined : account.knownAs(idempotencyKey);
    const standing = before ?? (await account.reserve({ ...(await this.sign({ options, model, inputs })), idempotencyKey }, key.cap));
    const { request: message, signature, jobId } = standing;
    if (message.modelId !== modelId || message.inputRoot !== inputRootOf(inputs)) throw new AssayError({ code: 'IDEMPOTENCY_KEY_REUSED', facts: { idempotencyKey, jobId } });
    return { message, signature, jobId };
  }

  private async sign({ options, model, inputs }: Job) {
    const { price } = await this.parts.directory.status();
    const { message, signature, jobId } = await this.parts.assay.sign({ model: model.model.modelId, inputs, maxFee: price, ...options.request });
    return { request: message, signature, jobId };
  }

  private async submit(account: KeyAccount, { signed, ...how }: { readonly signed: SignedRequest; readonly inputs: readonly Tensor[]; readonly waitMs: number; readonly gone: AbortSignal }): Promise<Answered> {
    try {
      const answered = await this.parts.assay.send(signed, how);
      await account.settle(signed.jobId, answered.claim.fee);
      return answered;
    } catch (error) {
      // WHY not where the caller has gone: what becomes of the job is not known here; later it is asked for.
      if (isUncharged(error) && !how.gone.aborted) await account.settle(signed.jobId, 0n);
      throw error instanceof AssayError && error.code === 'DEPOSIT_TOO_LOW' ? poorGateway(error) : error;
    }
  }
}

interface Job {
  readonly options: InferOptions;
  readonly model: NamedModel;
  readonly inputs: readonly Tensor[];
}

interface Wanted {
  readonly name: string;
  readonly index: number;
  readonly datatype: string | undefined;
}

function wantedOutputs(asked: InferRequest['outputs'], specs: readonly NamedHeader[]): Wanted[] {
  if (asked.length === 0) return specs.map(({ name }, index) => ({ name, index, datatype: undefined }));
  const names = specs.map((spec) => spec.name);
  const seen = new Set<string>();
  return asked.map(({ name, parameters }) => {
    const index = names.indexOf(name);
    if (index < 0 || seen.has(name)) throw new AssayError({ code: 'TENSOR_NAME_UNKNOWN', message: index < 0 ? `the model has no output ${name}` : `output ${name} was asked for twice`, facts: { name, known: names } });
    seen.add(name);
    requirePlainTensor(parameters);
    const datatype = parameters['assay_datatype'] === undefined ? undefined : String(parameters['assay_datatype']);
    outputOf(name, { dtype: specs[index]!.dtype, dims: [0], data: new Uint8Array() }, datatype);
    return { name, index, datatype };
  });
}

/** What a caller needs to hold the answer against its executor, and to know who signed for it. */
function provenance({ jobId, claim, request, receipt }: Answered): Record<string, string> {
  return {
    assay_job_id: jobId,
    assay_model_id: claim.modelId,
    assay_executor: claim.executor,
    assay_fee: String(claim.fee),
    assay_submitter: request.message.submitter,
    assay_signed_by: 'gateway',
    ...(receipt ? { assay_receipt: JSON.stringify(JSON.parse(formatReceipt(receipt))) } : {}),
  };
}

function poorGateway(cause: AssayError): AssayError {
  return new AssayError({ code: 'DEPOSIT_TOO_LOW', message: `the gateway’s ${cause.message.replace(/^the /, '')}`, facts: cause.facts, remedy: 'Tell whoever runs the gateway: assay deposit --to with the gateway’s address.', cause });
}
