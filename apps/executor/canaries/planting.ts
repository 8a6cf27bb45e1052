import { bytesToHex, hexToBigInt, type LocalAccount } from 'viem';
import type { Root, Tensor } from '#core/hashing';
import { canaryId, canaryLeaf, type CanarySecret, type NetworkId } from '#core/protocol';
import type { ModelShelf } from '#io/artifacts';
import type { Chain } from '#io/chain';
import type { TestedModel } from '#io/inference';
import { buildRequest, signRequest } from '#sdk';
import type { Clock } from '#platform';
import type { ClaimLedger, LedgerEntry } from '../claiming/ledger.js';
import { honestRun, rootOf } from '../execution/run.js';
import { falsified } from './false-run.js';
import { mixedInputs } from './inputs.js';
import type { CanaryRecord, CanaryRecords } from './records.js';
import type { ServedJobs } from './served-jobs.js';

export interface PlantingParts {
  /** Of the account that plants: neither the executor's nor the submitter's, which nobody is to guess. */
  readonly chain: Chain;
  readonly executor: LocalAccount;
  readonly submitter: LocalAccount;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
  readonly ledger: Pick<ClaimLedger, 'inputsOf'>;
  readonly served: ServedJobs;
  readonly records: CanaryRecords;
  readonly clock: Clock;
  readonly intervalMs: number;
}

/** Milliseconds to which a submission is put off at most, so that its deadline is not what gives it away. */
const MAX_DELAY_MS = 60_000;
/** Bonds are a tenth above what is asked for today: a stake may grow until the opening. */
const MARGIN_PERCENT = 110n;

/** Makes a canary and keeps it; nothing of it is outside this process before it is on disk. Undefined while no job was served, or no bond can be paid. */
export async function prepareCanary(parts: PlantingParts): Promise<CanaryRecord | undefined> {
  const pair = parts.served.pair(randomBelow);
  if (!pair) return undefined;
  const { chain, clock, executor } = parts;
  const submitAt = clock.now() + randomBelow(Math.min(parts.intervalMs, MAX_DELAY_MS));
  const { signed, inputs } = await requestAlike(pair, { ...parts, network: chain.network, now: submitAt });
  const { message: request, signature, jobId } = signed;
  const bond = await bondOf(parts, request.maxFee + request.insuredValue);
  if ((await chain.vault.balanceOf(chain.account!)) < bond) return undefined;
  const roots = await rootsOf(parts, { modelId: request.modelId, jobId, inputs });
  const secret: CanarySecret = { jobId, executor: executor.address, ...roots, salt: bytesToHex(crypto.getRandomValues(new Uint8Array(32))) };
  const id = canaryId(chain.account!, canaryLeaf(secret));
  return parts.records.add({ id, secret, request, signature, bond, submitAt }, inputs);
}

/** A request as a submitter would send one `now` (milliseconds since 1970), of the kind that was served. */
export async function requestAlike([kind, other]: readonly [LedgerEntry, LedgerEntry], { ledger, submitter, network, now }: Pick<PlantingParts, 'ledger' | 'submitter'> & { network: NetworkId; now: number }) {
  const inputs = mixedInputs(await ledger.inputsOf(kind), await ledger.inputsOf(other), randomBelow);
  const { modelId, maxFee, insuredValue } = kind.request;
  const request = buildRequest(submitter, { modelId, inputs, maxFee, insuredValue, now: BigInt(Math.floor(now / 1000)) });
  return { signed: await signRequest(submitter, network, request), inputs };
}

async function rootsOf({ models }: PlantingParts, { modelId, jobId, inputs }: { modelId: Root; jobId: Root; inputs: readonly Tensor[] }): Promise<Pick<CanarySecret, 'falseRoot' | 'trueRoot' | 'traceRoot'>> {
  return models.with(modelId, async ({ session }) => {
    const run = await honestRun({ jobId, session, inputs });
    return { falseRoot: rootOf(falsified(run.outputs, jobId)), trueRoot: run.outputRoot, traceRoot: (await run.trace()).traceTree().root };
  });
}

async function bondOf({ chain, executor }: PlantingParts, risked: bigint): Promise<bigint> {
  const [least, bounty] = await Promise.all([chain.canaries.bondFor(executor.address), chain.canaries.bounty()]);
  const needed = least > risked + bounty ? least : risked + bounty;
  return (needed * MARGIN_PERCENT) / 100n;
}

/** A whole number below `limit`, which is at least 1, that nobody can foresee. */
export function randomBelow(limit: number): number {
  return Number(hexToBigInt(bytesToHex(crypto.getRandomValues(new Uint8Array(16)))) % BigInt(Math.max(1, Math.floor(limit))));
}
