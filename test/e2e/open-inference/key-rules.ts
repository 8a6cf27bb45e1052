import { describe, expect, it } from 'vitest';
import { parseReceipt } from '#core/protocol';
import { connectChain } from '#io/chain';
import { SpendingBook } from '#io/keys';
import { CoordinatorClient } from '#io/rpc';
import { verifyOnChain } from '#sdk';
import { eventually } from '../world.js';
import { failure, floatsOf, plusJson, plusRequest, UNIT, type Setting } from './setting.js';

const PRICE = UNIT / 1000n;

/** Who may call, what it costs whom, and what the answer says about it. */
export function keyRules(setting: () => Setting): void {
  const make = async (change: { cap?: bigint; expiresAt?: number } = {}) => setting().keys.create({ name: 'one', cap: UNIT, expiresAt: null, now: Date.now(), ...change });
  const infer = (key: string, more: object = {}, numbers?: number[]) => setting().grpc('ModelInfer', plusRequest(more, numbers), key);
  const byHttp = async (key: string) => {
    const response = await setting().rest('v2/models/plus/infer', { method: 'POST', body: JSON.stringify(plusJson()), key });
    return { status: response.status, code: ((await response.json()) as { code?: string }).code };
  };
  const named = (idempotencyKey: string) => ({ parameters: { assay_idempotency_key: { stringParam: idempotencyKey } } });
  const totals = (id: string) => SpendingBook.totals(setting().network.folder.path('gateway', 'keys'), id);

  describe('keys', () => {
    it('K-01 inference needs one, metadata does not', async () => {
      expect(await failure(infer(''))).toMatchObject({ status: 'UNAUTHENTICATED', details: expect.stringContaining('KEY_MISSING') });
      expect(await byHttp('')).toEqual({ status: 401, code: 'KEY_MISSING' });
      expect(await setting().grpc('ServerLive', {}, '')).toEqual({ live: true });
    });
    it('K-02 an unknown key, or a known one with another secret, is refused', async () => {
      const { text } = await make();
      const forged = `${text.slice(0, -4)}AAAA`;
      for (const key of ['nonsense', forged]) {
        expect(await failure(infer(key))).toMatchObject({ status: 'UNAUTHENTICATED', details: expect.stringContaining('KEY_UNKNOWN') });
        expect(await byHttp(key)).toEqual({ status: 401, code: 'KEY_UNKNOWN' });
      }
    });
    it('K-03 an expired key is refused', async () => {
      const { text } = await make({ expiresAt: Date.now() - 1 });
      expect((await failure(infer(text))).details).toContain('KEY_EXPIRED');
      expect(await byHttp(text)).toEqual({ status: 401, code: 'KEY_EXPIRED' });
    });
    it('K-04 a revoked key is refused from then on', async () => {
      const { key, text } = await make();
      await infer(text);
      await setting().keys.revoke(key.id, Date.now());
      expect((await failure(infer(text))).details).toContain('KEY_REVOKED');
    });
    it('K-05 a key spends no more than its cap, however many calls at once', async () => {
      const { key, text } = await make({ cap: 3n * PRICE });
      const outcomes = await Promise.all(Array.from({ length: 6 }, async () => (await failure(infer(text))).status));
      expect(outcomes.filter((status) => status === 'OK')).toHaveLength(3);
      expect(outcomes.filter((status) => status === 'RESOURCE_EXHAUSTED')).toHaveLength(3);
      expect(await byHttp(text)).toEqual({ status: 429, code: 'KEY_CAP_REACHED' });
      expect(await totals(key.id)).toEqual({ spent: 3n * PRICE, reserved: 0n });
    });
    it('K-06 a refused request costs nothing', async () => {
      const { key, text } = await make();
      await failure(infer(text, { modelName: 'nobody' }));
      await failure(infer(text, { parameters: { assay_verification: { stringParam: 'redundant' } } }));
      await eventually('nothing is promised', async () => (await totals(key.id)).reserved === 0n, 30_000);
      expect((await totals(key.id)).spent).toBe(0n);
    });
    it('K-07 the same idempotency key is the same job, paid once', async () => {
      const { key, text } = await make();
      const [one, two] = await Promise.all([infer(text, named('order-1')), infer(text, named('order-1'))]);
      expect(two['parameters']['assay_job_id']).toEqual(one['parameters']['assay_job_id']);
      expect(floatsOf(two['rawOutputContents'][0])).toEqual([3, 4, 5, 6]);
      expect((await totals(key.id)).spent).toBe(PRICE);
      expect(await failure(infer(text, named('order-1'), [9, 9, 9, 9]))).toMatchObject({ status: 'ALREADY_EXISTS', details: expect.stringContaining('IDEMPOTENCY_KEY_REUSED') });
    });
    it('K-08 what was spent, and what was named, outlives the gateway’s sudden death', async () => {
      const { key, text } = await make({ cap: 2n * PRICE });
      const before = await infer(text, named('order-2'));
      const gateway = setting().network.processes.find(({ name }) => name === 'gateway')!;
      const { pid } = gateway.current;
      gateway.current.kill('SIGKILL');
      await eventually('the gateway is back', () => gateway.current.pid !== pid, 120_000);
      await eventually('it is ready', async () => (await failure(setting().grpc('ServerReady'))).status === 'OK', 60_000);
      expect((await infer(text, named('order-2')))['parameters']['assay_job_id']).toEqual(before['parameters']['assay_job_id']);
      await infer(text);
      expect((await failure(infer(text))).details).toContain('KEY_CAP_REACHED');
      expect((await totals(key.id)).spent).toBe(2n * PRICE);
    });
    it('K-09 a caller who hangs up calls the job off; what it may cost stays set aside, and is spent if it is asked for again', async () => {
      const { key, text } = await make();
      const coordinator = new CoordinatorClient(setting().network.urls.grpc);
      const calledOff = async () => (await coordinator.status()).jobs['cancelled'] ?? 0;
      const executor = setting().network.processes.find(({ name }) => name === 'executor-1')!.current;
      const before = await calledOff();
      executor.kill('SIGSTOP');
      try {
        const hangUp = new AbortController();
        const byRest = setting().rest('v2/models/plus/infer', { method: 'POST', body: JSON.stringify(plusJson({ parameters: { assay_idempotency_key: 'gone' } })), key: text, signal: hangUp.signal }).catch(() => 'gone');
        await eventually('it is set aside', async () => (await totals(key.id)).reserved === PRICE, 30_000);
        await eventually('the coordinator has it', async () => Object.entries((await coordinator.status()).jobs).some(([state, count]) => ['accepted', 'assigned'].includes(state) && Number(count) > 0), 30_000);
        hangUp.abort();
        expect(await byRest).toBe('gone');
        await eventually('it is called off', async () => (await calledOff()) === before + 1, 30_000);
      } finally {
        executor.kill('SIGCONT');
      }
      expect(await totals(key.id)).toEqual({ spent: 0n, reserved: PRICE });
      expect(floatsOf((await infer(text, named('gone')))['rawOutputContents'][0])).toEqual([3, 4, 5, 6]);
      expect(await totals(key.id)).toEqual({ spent: PRICE, reserved: 0n });
      coordinator.close();
    }, 180_000);
  });

  describe('the receipt', () => {
    it('E-01 is in the response, names the gateway as submitter, and verifies against the chain', async () => {
      const { network } = setting();
      const { parameters } = await infer(setting().key);
      const receipt = parseReceipt(parameters['assay_receipt'].stringParam);
      expect(receipt.request.message.submitter.toLowerCase()).toBe(network.keys.account('gateway').address.toLowerCase());
      expect(parameters['assay_signed_by'].stringParam).toBe('gateway');
      expect(receipt.claim.message.jobId).toBe(parameters['assay_job_id'].stringParam);
      const chain = await connectChain({ rpcUrl: network.urls.rpc, deployment: network.deployment });
      expect(await verifyOnChain(receipt, chain)).toMatchObject({ ok: true });
    });
    it('E-02 options of ours that are misspelt are refused, not ignored', async () => {
      expect((await failure(infer(setting().key, { parameters: { assay_insure: { stringParam: '1' } } }))).status).toBe('UNIMPLEMENTED');
    });
  });
}
