import { blockProbe, DEFAULT_PROFILE, type BlockWidth } from '#core/onnx';
import { runHere, sessionOptions } from './runner.js';

let width: Promise<BlockWidth> | undefined;

/** Block width of ONNX Runtime's NCHWc kernels on this machine, found by asking one; 0 where the runtime has none. */
export function blockWidth(): Promise<BlockWidth> {
  width ??= probedWidth();
  return width;
}

async function probedWidth(): Promise<BlockWidth> {
  const { onnx, input, output, dims } = blockProbe(DEFAULT_PROFILE.id);
  try {
    const runner = await runHere(onnx, sessionOptions(DEFAULT_PROFILE));
    const results = await runner.run({ [input]: { dtype: 'float32', dims, data: new Float32Array(dims[1]) } }, [output]);
    await runner.close();
    const { byteLength } = results[output]!;
    return byteLength === 4 * 8 ? 8 : byteLength === 4 * 16 ? 16 : 0;
  } catch {
    // The operator is not registered in builds without such kernels (ARM).
    return 0;
  }
}
