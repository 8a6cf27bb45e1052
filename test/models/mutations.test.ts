import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compileModel, loadCanonical } from '#core/onnx';
import { AssayError } from '#core/protocol';
import { openSession, selfTest } from '#io/inference';
import { MNIST_FILE } from '../../apps/cli/samples.js';
import { smallModel } from '../fuzz/files.js';

const SEED = 0x5eed;
/** Of computing, not of the clock: other tests run beside this one. */
const MAX_MS = 3_000;

function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** A copy with a few bytes changed, a stretch cut out, or a stretch put in twice. */
function mutated(bytes: Uint8Array, random: (bound: number) => number): Uint8Array {
  const at = random(bytes.length);
  const end = Math.min(bytes.length, at + 1 + random(64));
  switch (random(4)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    default: {
      const copy = Uint8Array.from(bytes);
      for (let i = 0; i <= random(4); i++) copy[random(copy.length)] = [0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)]!;
      return copy;
    }
  }
}

/** What a reader makes of a file: the code of the refusal, or that it took it. Anything else is a failure of the reader. */
function outcome(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): string {
  const started = process.cpuUsage();
  try {
    read(bytes);
    return 'taken';
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return error.code;
  } finally {
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(MAX_MS);
  }
}

const small = smallModel();

describe(`mutated files, seed ${SEED}`, () => {
  it.each([
    ['a small model, compiled', compileModel, small, 600],
    ['MNIST, compiled', compileModel, readFileSync(MNIST_FILE), 150],
    ['a small canonical model, loaded', loadCanonical, compileModel(small).onnx, 400],
  ] as const)('%s: refused by name or taken, never worse', (_, read, bytes, count) => {
    const random = generator(SEED);
    const tally = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      const result = outcome(read, mutated(bytes, random));
      tally.set(result, (tally.get(result) ?? 0) + 1);
    }
    console.log(JSON.stringify(Object.fromEntries(tally)));
    expect(tally.size).toBeGreaterThan(1);
  });

  it('what the compiler takes, the runtime runs, and as the reference says', async () => {
    const random = generator(SEED + 1);
    let taken = 0;
    for (let i = 0; i < 400 && taken < 12; i++) {
      const bytes = mutated(small, random);
      if (outcome(compileModel, bytes) !== 'taken') continue;
      taken++;
      const session = await openSession(compileModel(bytes));
      expect((await selfTest([session], { seed: i })).mismatches).toEqual([]);
      await session.close();
    }
    expect(taken).toBe(12);
  });

  it('cut anywhere, a file is never taken as another', () => {
    for (let length = 0; length < small.length; length += 3) expect(outcome(loadCanonical, small.subarray(0, length))).not.toBe('taken');
  });
});
