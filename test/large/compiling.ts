import { writeExternalModel } from './external-model.js';
import { readInChild } from './reading.js';

/** Memory for each byte of weights: the tensors, the file that is written of them, and what joins the two. */
export const MOST_PER_BYTE = 3.5;

export interface Compiled {
  readonly bytes: number;
  readonly code: string;
  readonly modelId: string;
  readonly seconds: number;
  readonly peak: number;
  /** Memory above that of the process before, for each byte of weights. */
  readonly perByte: number;
}

export function compileExternal(folder: string, options: { bytes: number; seed: number }): Compiled {
  const { file, bytes } = writeExternalModel(folder, options);
  const { base, outcomes } = readInChild([file]);
  const { code, modelId, ms, peak } = outcomes[0]!;
  return { bytes, code, modelId, seconds: ms / 1000, peak, perByte: (peak - base) / bytes };
}
