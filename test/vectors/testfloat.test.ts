import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createPublicClient, decodeFunctionResult, encodeFunctionData, hexToBytes, http, type Abi, type Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as f32 from '#core/numerics';
import { PROJECT_ROOT, startAnvil, type RunningAnvil } from '#testing';

/** One file of vectors: which operation of the harness, how its operands lie in a record, and the same in TypeScript. */
interface Vectors {
  readonly file: string;
  readonly op: number;
  readonly operands: 1 | 2 | 3;
  readonly typescript: (...operands: bigint[]) => bigint | number | boolean;
}

const bits = (fn: (...a: number[]) => number | bigint | boolean) => (...operands: bigint[]) => fn(...operands.map(Number));
const FILES: Vectors[] = [
  { file: 'f32_add', op: 0, operands: 2, typescript: bits((a, b) => f32.f32Add(a!, b!)) },
  { file: 'f32_sub', op: 1, operands: 2, typescript: bits((a, b) => f32.f32Sub(a!, b!)) },
  { file: 'f32_mul', op: 2, operands: 2, typescript: bits((a, b) => f32.f32Mul(a!, b!)) },
  { file: 'f32_div', op: 3, operands: 2, typescript: bits((a, b) => f32.f32Div(a!, b!)) },
  { file: 'f32_sqrt', op: 4, operands: 1, typescript: bits((a) => f32.f32Sqrt(a!)) },
  { file: 'f32_mulAdd_s131', op: 5, operands: 3, typescript: bits((a, b, c) => f32.f32Fma(a!, b!, c!)) },
  { file: 'f32_eq', op: 6, operands: 2, typescript: bits((a, b) => f32.f32Eq(a!, b!)) },
  { file: 'f32_lt', op: 7, operands: 2, typescript: bits((a, b) => f32.f32Lt(a!, b!)) },
  { file: 'f32_le', op: 8, operands: 2, typescript: bits((a, b) => f32.f32Le(a!, b!)) },
  { file: 'f32_to_i32', op: 9, operands: 1, typescript: bits((a) => f32.f32ToI32Even(a!) >>> 0) },
  { file: 'f32_to_i32_rminMag', op: 10, operands: 1, typescript: bits((a) => f32.f32ToI32Truncated(a!) >>> 0) },
  { file: 'f32_to_i64_rminMag', op: 11, operands: 1, typescript: bits((a) => BigInt.asUintN(64, f32.f32ToI64Truncated(a!))) },
  { file: 'i32_to_f32', op: 12, operands: 1, typescript: bits((a) => f32.f32FromI32(a! | 0)) },
  { file: 'i64_to_f32', op: 13, operands: 1, typescript: (a) => f32.f32FromI64(BigInt.asIntN(64, a!)) },
  { file: 'f32_roundToInt', op: 14, operands: 1, typescript: bits((a) => f32.f32RoundEven(a!)) },
  { file: 'f32_roundToInt_rmin', op: 15, operands: 1, typescript: bits((a) => f32.f32Floor(a!)) },
];

/** Records a call: about 8 million gas. */
const CHUNK = 2_000;
const HARNESS = '0x00000000000000000000000000000000000f32f3';
const artifact = JSON.parse(readFileSync(join(PROJECT_ROOT, 'contracts/out/Float32Harness.json'), 'utf8')) as { abi: Abi; bytecode: Hex };

let anvil: RunningAnvil;
let code: Hex;
const dir = mkdtempSync(join(tmpdir(), 'assay-testfloat-'));

beforeAll(async () => {
  anvil = await startAnvil({ logFile: join(dir, 'anvil.log') });
  // The runtime code: what the constructor returns.
  const { data } = await client().call({ data: artifact.bytecode });
  code = data!;
});
afterAll(async () => {
  await anvil?.stop();
  rmSync(dir, { recursive: true });
});

describe('Berkeley TestFloat, every line', () => {
  test.each(FILES)('$file', async ({ file, op, operands, typescript }) => {
    const lines = read(file);
    const wrong: string[] = [];
    let gas = 0n;
    for (let from = 0; from < lines.length; from += CHUNK) {
      const chunk = lines.slice(from, from + CHUNK);
      const solidity = await run(op, chunk.map((words) => record(words.slice(0, operands))));
      gas += solidity.gasPerCall * BigInt(chunk.length);
      chunk.forEach((words, i) => {
        const expected = BigInt(`0x${words[operands]}`);
        const inTypeScript = BigInt(typescript(...words.slice(0, operands).map((w) => BigInt(`0x${w}`))));
        if (inTypeScript !== expected) wrong.push(`TypeScript: ${words.join(' ')} gives ${inTypeScript.toString(16)}`);
        if (solidity.results[i] !== expected) wrong.push(`Solidity: ${words.join(' ')} gives ${solidity.results[i]?.toString(16)}`);
      });
    }
    console.log(`${file}: ${lines.length} lines, ${gas / BigInt(lines.length)} gas a call`);

    expect(lines.length).toBeGreaterThan(300);
    expect(wrong.slice(0, 5)).toEqual([]);
  }, 120_000);
});

function client() {
  return createPublicClient({ transport: http(anvil.rpcUrl) });
}

function read(file: string): string[][] {
  const text = gunzipSync(readFileSync(join(PROJECT_ROOT, 'test/vectors/float32', `${file}.txt.gz`))).toString();
  return text.trim().split('\n').map((line) => line.trim().split(/\s+/));
}

function record(words: string[]): Hex {
  return `0x${words.join('').padEnd(32, '0')}`;
}

async function run(op: number, records: Hex[]): Promise<{ results: bigint[]; gasPerCall: bigint }> {
  const operands: Hex = `0x${records.map((r) => r.slice(2)).join('')}`;
  const data = encodeFunctionData({ abi: artifact.abi, functionName: 'run', args: [op, operands] });
  const returned = await client().call({ to: HARNESS, data, stateOverride: [{ address: HARNESS, code }], gas: 16_000_000n });
  const [packed, gasPerCall] = decodeFunctionResult({ abi: artifact.abi, functionName: 'run', data: returned.data! }) as [Hex, bigint];
  const view = new DataView(hexToBytes(packed).buffer);
  return { results: Array.from({ length: records.length }, (_, i) => view.getBigUint64(i * 8)), gasPerCall };
}

