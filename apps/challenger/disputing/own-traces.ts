import { DTYPES, elementCount, listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import type { Claim } from '#core/protocol';
import type { TraceReader } from '#core/trace';
import type { ModelShelf } from '#io/artifacts';
import type { TestedModel } from '#io/inference';
import type { TraceSource } from '#player';
import { traceOf } from '../checking/traced-run.js';
import type { CaseFiles } from './cases.js';

/** Traces kept in memory; each is a few times the size of all the values of a run. */
const MAX_TRACES = 4;

export interface OwnTracesParts {
  readonly cases: Pick<CaseFiles, 'find'>;
  /** From whoever serves the job's data; checked here. */
  readonly fetchInputs: (jobId: Root) => Promise<readonly Tensor[]>;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
  /** Tests only: shows a run that is wrong in one element, to accuse an honest executor with. */
  readonly lie: boolean;
}

/** This machine's own run of a disputed job. */
export class OwnTraces implements TraceSource {
  private readonly traces = new Map<Root, Promise<TraceReader | 'unknown'>>();

  constructor(private readonly parts: OwnTracesParts) {}

  async traceFor(digest: Root, claim: Claim): Promise<TraceReader | 'unknown'> {
    const known = this.traces.get(digest) ?? this.build(digest, claim);
    this.traces.delete(digest);
    this.traces.set(digest, known);
    for (const oldest of this.traces.keys()) if (this.traces.size > MAX_TRACES) this.traces.delete(oldest);
    known.then((trace) => trace === 'unknown' && this.traces.delete(digest), () => this.traces.delete(digest));
    return known;
  }

  private async build(digest: Root, claim: Claim): Promise<TraceReader | 'unknown'> {
    // WHY not only the file: a challenger that lost its disk still holds a bond in the game, and evidence is kept without inputs.
    const kept = (await this.parts.cases.find(digest))?.inputs;
    const inputs = kept?.length ? kept : await this.parts.fetchInputs(claim.jobId);
    if (listRoot(inputs.map(tensorRoot)) !== claim.inputRoot) return 'unknown';
    return this.parts.models.with(claim.modelId, ({ session }) => traceOf(session, inputs, this.parts.lie ? falsified : undefined));
  }
}

/** The lowest bit of the last element of the last value flipped. */
function falsified(values: readonly Tensor[]): Tensor[] {
  return values.map((tensor, i) => {
    if (i !== values.length - 1) return tensor;
    const data = new Uint8Array(tensor.data);
    const last = (elementCount(tensor.dims) - 1) * DTYPES[tensor.dtype].size;
    data[last] = data[last]! ^ 1;
    return { ...tensor, data };
  });
}
