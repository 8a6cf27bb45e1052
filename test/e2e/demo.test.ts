import { describe, expect, it } from 'vitest';
import type { DemoDocument } from '../../apps/cli/demo/document.js';
import { assay } from './command.js';

/** The document as it comes through JSON: bigints are decimal text. */
type Json<T> = T extends bigint ? string : T extends readonly (infer U)[] ? Json<U>[] : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Document = Json<DemoDocument>;

const HEX = /^0x[0-9a-f]+$/;

describe.each([
  { model: 'mnist', aims: { totalGas: 600_000, transactions: 9, wallMs: 5_000 }, limits: { totalGas: 800_000, transactions: 9 } },
  { model: 'squeezenet', aims: { totalGas: 1_200_000, transactions: 17, wallMs: 20_000 }, limits: { totalGas: 1_200_000, transactions: 17 } },
])('assay demo --model $model', ({ model, aims, limits }) => {
  it('happens as told: the liar slashed, the honest one not, the last operation shown', async () => {
    const { code, stdout, stderr } = await assay('demo', '--model', model, '--json');
    expect(code, stderr).toBe(0);
    const document = JSON.parse(stdout) as Document;
    expect(document).toMatchObject({ ok: true, problems: [], model: { name: model } });
    expect(BigInt(document.liar.slashed)).toBeGreaterThan(0n);
    expect(document.honest.slashed).toBe('0');
    expect(document.answers.every((answer) => answer.standing!.right)).toBe(true);
    expect(document.receipts.map((receipt) => [receipt.verified, receipt.replayed])).toEqual([[true, true], [true, true]]);

    const [dispute] = document.disputes;
    expect(dispute).toMatchObject({ executor: 'executor-2', verdict: 'executor lost', totalGas: expect.any(Number) as number, maxMoveGas: expect.any(Number) as number, finalStepGas: expect.any(Number) as number });
    for (const move of dispute!.transactions) expect(move).toMatchObject({ move: expect.any(String) as string, by: expect.any(String) as string, gas: expect.any(Number) as number, block: expect.any(Number) as number, txHash: expect.stringMatching(HEX) as string });
    const step = dispute!.finalStep!;
    expect(step.operands.length).toBeGreaterThan(0);
    expect(step.expected.hex).toMatch(HEX);
    expect(step.revealed.hex).toMatch(HEX);
    expect(step.expected.hex).not.toBe(step.revealed.hex);
    expect(Number.isInteger(step.node) && Number.isInteger(step.element) && Number.isInteger(step.k)).toBe(true);

    const figures = { transactions: dispute!.transactions.length, totalGas: dispute!.totalGas, maxMoveGas: dispute!.maxMoveGas, finalStepGas: dispute!.finalStepGas, wallMs: dispute!.wallMs };
    console.log(`${model}: ${JSON.stringify(figures)}, aims ${JSON.stringify(aims)}`);
    expect(figures.transactions).toBeLessThanOrEqual(limits.transactions);
    expect(figures.totalGas).toBeLessThan(limits.totalGas);
  }, 300_000);
});
