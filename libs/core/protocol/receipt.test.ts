import { readFileSync } from 'node:fs';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { privateKeyToAccount } from 'viem/accounts';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import { claimDigest, claimTypedData, jobIdOf, requestTypedData, type Claim, type NetworkId, type Request } from './messages.js';
import { BATCH_LEAF_TYPES, formatReceipt, parseReceipt, receiptJsonSchema, verifyReceipt, type Receipt, type ReceiptFacts } from './receipt.js';

const submitter = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const executor = privateKeyToAccount(`0x${'22'.repeat(32)}`);
const coordinator = privateKeyToAccount(`0x${'33'.repeat(32)}`).address;
const network: NetworkId = { chainId: 31337, disputes: `0x${'44'.repeat(20)}` };
const root = (byte: string): Root => `0x${byte.repeat(32)}`;

const request: Request = {
  ...{ submitter: submitter.address, modelId: root('aa'), inputRoot: root('bb'), maxFee: 2n ** 128n - 1n, insuredValue: 5n },
  ...{ deadline: 2_000_000_000n, nonce: 2n ** 64n - 1n, verification: 0, redundancy: 1 },
};
const claim: Claim = { jobId: jobIdOf(network, request), modelId: root('aa'), inputRoot: root('bb'), outputRoot: root('cc'), executor: executor.address, coordinator, fee: 3n, insuredValue: 5n };

let receipt: Receipt;
let facts: ReceiptFacts;

beforeAll(async () => {
  const tree = StandardMerkleTree.of([[claimDigest(network, claim)], [root('01')], [root('02')]], BATCH_LEAF_TYPES);
  receipt = {
    version: 1,
    network,
    request: { message: request, signature: await submitter.signTypedData(requestTypedData(network, request)) },
    claim: { message: claim, signature: await executor.signTypedData(claimTypedData(network, claim)) },
    batch: { id: 7n, root: tree.root as Root, proof: tree.getProof(0) as Root[] },
  };
  facts = { network, batch: { root: tree.root as Root, coordinator, committedAt: 100n }, challengeWindow: 20n, now: 120n, overturned: false };
});

const faultsOf = async (changed: Partial<Receipt>, known: Partial<ReceiptFacts> = {}) => {
  const verdict = await verifyReceipt({ ...receipt, ...changed }, { ...facts, ...known });
  expect(verdict.ok).toBe(verdict.checks.every((check) => check.ok) && verdict.finality !== 'overturned');
  return verdict.checks.filter((check) => !check.ok).map((check) => check.name);
};

describe('a receipt', () => {
  it('survives being written and read, the largest numbers too', () => {
    expect(parseReceipt(formatReceipt(receipt))).toEqual(receipt);
    const { batch: _, ...pending } = receipt;
    expect(parseReceipt(formatReceipt(pending))).toEqual(pending);
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['another version', () => formatReceipt(receipt).replace('"version": 1', '"version": 2')],
    ['a number instead of decimal text', () => formatReceipt(receipt).replace('"fee": "3"', '"fee": 3')],
    ['a number beyond its type', () => formatReceipt(receipt).replace(`"${2n ** 64n - 1n}"`, `"${2n ** 64n}"`)],
    ['a field nobody knows', () => formatReceipt(receipt).replace('"version"', '"extra": 1, "version"')],
    ['too long', ' '.repeat(100_000)],
  ])('is refused: %s', (_, text) => {
    expect(() => parseReceipt(typeof text === 'string' ? text : text())).toThrowError(expect.objectContaining({ code: 'RECEIPT_MALFORMED' }) as Error);
  });

  it('holds if every part does, and is final after the window', async () => {
    expect(await verifyReceipt(receipt, facts)).toMatchObject({ ok: true, finality: 'final' });
    expect(await verifyReceipt(receipt, { ...facts, now: 119n })).toMatchObject({ ok: true, finality: 'challengeable' });
    const { batch: _, ...pending } = receipt;
    expect(await verifyReceipt(pending, facts)).toMatchObject({ ok: true, finality: 'pending' });
    expect(await verifyReceipt(receipt, { ...facts, overturned: true })).toMatchObject({ ok: false, finality: 'overturned' });
  });

  it('names what does not hold', async () => {
    const withClaim = (change: Partial<Claim>) => ({ claim: { ...receipt.claim, message: { ...claim, ...change } } });
    expect(await faultsOf(withClaim({ outputRoot: root('dd') }))).toEqual(['claim-signature', 'inclusion']);
    expect(await faultsOf(withClaim({ modelId: root('dd') }))).toEqual(['claim', 'claim-signature', 'inclusion']);
    expect(await faultsOf({ request: { ...receipt.request, message: { ...request, nonce: 1n } } })).toEqual(['job', 'request-signature']);
    expect(await faultsOf({ request: { ...receipt.request, signature: '0x' } })).toEqual(['request-signature']);
    expect(await faultsOf({}, { network: { ...network, chainId: 1 } })).toEqual(['network']);
    expect(await faultsOf({}, { batch: undefined })).toEqual(['batch']);
    expect(await faultsOf({}, { batch: { ...facts.batch!, root: root('ee') } })).toEqual(['batch']);
    expect(await faultsOf({}, { batch: { ...facts.batch!, coordinator: executor.address } })).toEqual(['batch']);
    expect(await faultsOf({ batch: { ...receipt.batch!, proof: [] } })).toEqual(['inclusion']);
  });

  it('believes a contract about its own signature', async () => {
    expect(await faultsOf({ request: { ...receipt.request, signature: '0x1234' } }, { contractSignatureValid: true })).toEqual([]);
    expect(await faultsOf({}, { contractSignatureValid: false })).toEqual(['request-signature']);
  });
});

it('docs/receipt.schema.json is what the schema says (else: npm run docs)', () => {
  const file = new URL('../../../docs/receipt.schema.json', import.meta.url);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(receiptJsonSchema())));
});
