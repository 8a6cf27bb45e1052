import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { verifyTypedData } from 'viem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { claimTypedData, jobIdOf, type Job, type NetworkId, type Request } from '#core/protocol';
import { ClaimLedger } from './ledger.js';
import { ClaimSigner } from './claim-signer.js';

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const network: NetworkId = { chainId: 31337, disputes: `0x${'22'.repeat(20)}` };
const inputs: Tensor[] = [{ dtype: 'uint8', dims: [3], data: Uint8Array.of(1, 2, 3) }];
const outputRoot = (n: number): Root => `0x${n.toString(16).padStart(64, '0')}`;
let dir: string;

const request: Request = {
  submitter: account.address,
  modelId: outputRoot(9),
  inputRoot: listRoot(inputs.map(tensorRoot)),
  maxFee: 10n,
  insuredValue: 3n,
  deadline: 99n,
  nonce: 1n,
  verification: 0,
  redundancy: 1,
};
const job: Job = { jobId: jobIdOf(network, request), request, requestSignature: '0x00', coordinator: account.address, fee: 7n, inputs: [], leaseUntil: 1 };
const signer = async () => new ClaimSigner(account, network, await ClaimLedger.open(dir));
const executed = (n: number) => ({ job, inputs, inputRoots: inputs.map(tensorRoot), outputRoot: outputRoot(n), fault: 'none' as const });

beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'assay-ledger-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('signing claims', () => {
  it('signs EIP-712 over what was executed, and the ledger has it with its inputs after a restart', async () => {
    const { claim, signature } = await (await signer()).sign(executed(1));
    expect(claim).toEqual({ jobId: job.jobId, modelId: request.modelId, inputRoot: request.inputRoot, outputRoot: outputRoot(1), executor: account.address, coordinator: account.address, fee: 7n, insuredValue: 3n });
    expect(await verifyTypedData({ ...claimTypedData(network, claim), address: account.address, signature })).toBe(true);
    const ledger = await ClaimLedger.open(dir);
    const entry = (await ledger.find(job.jobId))!;
    expect(entry).toMatchObject({ claim, signature, request, fault: 'none' });
    expect(await ledger.inputsOf(entry)).toEqual(inputs);
  });

  it('never signs two different claims for one job: not one after the other, not after a restart, not at once', async () => {
    const first = await (await signer()).sign(executed(1));
    await expect((await signer()).sign(executed(2))).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    await expect((await signer()).sign({ ...executed(1), job: { ...job, fee: 8n } })).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect((await (await signer()).sign(executed(1))).signature).toBe(first.signature);

    rmSync(dir, { recursive: true });
    const racing = await Promise.allSettled((await Promise.all(Array.from({ length: 8 }, signer))).map((s, i) => s.sign(executed(i))));
    expect(racing.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
    expect(readdirSync(join(dir, 'claims'))).toHaveLength(1);
  });

  it('keeps small inputs in the entry and large ones beside it, and says so when one was damaged, instead of defending another one', async () => {
    const large: Tensor = { dtype: 'uint8', dims: [100_000], data: new Uint8Array(100_000).fill(7) };
    const [small] = inputs as [Tensor];
    const both = [small, large];
    await (await signer()).sign({ ...executed(1), inputs: both, inputRoots: both.map(tensorRoot) });
    expect(readdirSync(join(dir, 'tensors'))).toEqual([tensorRoot(large)]);
    const reading = async () => {
      const ledger = await ClaimLedger.open(dir);
      return ledger.inputsOf((await ledger.find(job.jobId))!);
    };
    expect(await reading()).toEqual(both);

    const entry = join(dir, 'claims', `${job.jobId}.cbor`);
    const bytes = readFileSync(entry);
    const changed = Buffer.from(bytes);
    changed[bytes.indexOf(small.data) + 2] = 4;
    writeFileSync(entry, changed);
    await expect(reading()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });

    writeFileSync(entry, bytes);
    expect(await reading()).toEqual(both);
    writeFileSync(join(dir, 'tensors', tensorRoot(large)), new Uint8Array(100_000).fill(8));
    await expect(reading()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});
