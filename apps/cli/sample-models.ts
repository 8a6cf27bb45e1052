import { readFile } from 'node:fs/promises';
import type { Root } from '#core/hashing';
import { connect } from '#sdk';
import type { Network } from '#testing';
import { argmax, type Answer } from './answers.js';
import { imagenetClasses, MNIST_FILE, SQUEEZENET_FILE } from './samples.js';

/** The models that come with the repository. */
export const SAMPLE_MODELS = ['mnist', 'squeezenet'] as const;
export type SampleModel = (typeof SAMPLE_MODELS)[number];

const FILES: Record<SampleModel, string> = { mnist: MNIST_FILE, squeezenet: SQUEEZENET_FILE };

export function isSampleModel(name: string): name is SampleModel {
  return (SAMPLE_MODELS as readonly string[]).includes(name);
}

export function sampleFile(name: SampleModel): Promise<Buffer> {
  return readFile(FILES[name]);
}

/** What a sample model's scores say, in words. */
export function answerOf(name: SampleModel, scores: Float32Array): Answer {
  const best = argmax(scores);
  return { best, text: name === 'mnist' ? `a ${best}` : (imagenetClasses()[best] ?? `class ${best}`) };
}

export interface RegisteredSample {
  readonly name: SampleModel;
  readonly modelId: Root;
}

/** Registers sample models with a network's coordinator; one that is there already stays as it is. */
export async function registerSamples(network: Network, names: readonly SampleModel[], progress: (line: string) => void): Promise<RegisteredSample[]> {
  const assay = await connect({ url: network.urls.grpc, deployment: network.deployment });
  try {
    const registered: RegisteredSample[] = [];
    for (const name of names) {
      const { modelId } = await assay.register({ name, file: await sampleFile(name) });
      progress(`model ${name} is registered: ${modelId}`);
      registered.push({ name, modelId });
    }
    return registered;
  } finally {
    assay.close();
  }
}
