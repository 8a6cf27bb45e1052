import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import type { Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { PROJECT_ROOT } from '#testing';

const IMAGE_SIZE = 28;

export interface LabelledDigit {
  /** float32 1×1×28×28, grey values 0 to 255. */
  readonly tensor: Tensor;
  readonly label: number;
}

const DIGIT_FILES = { images: join(PROJECT_ROOT, 'data/digits/images-idx3-ubyte.gz'), labels: join(PROJECT_ROOT, 'data/digits/labels-idx1-ubyte.gz') };

/** The first `count` MNIST test digits (IDX format: magic and sizes as big-endian uint32, then bytes). */
export function readDigits(count: number, files = DIGIT_FILES): LabelledDigit[] {
  const images = gunzipSync(readFileSync(files.images));
  const labels = gunzipSync(readFileSync(files.labels));
  const available = labels.readUInt32BE(4);
  if (count < 0 || count > available) throw new RangeError(`${count} digits were asked for, ${available} are there`);
  const pixels = IMAGE_SIZE * IMAGE_SIZE;
  return Array.from({ length: count }, (_, i) => {
    const values = Float32Array.from(images.subarray(16 + i * pixels, 16 + (i + 1) * pixels));
    return { tensor: float32([1, 1, IMAGE_SIZE, IMAGE_SIZE], values), label: labels[8 + i]! };
  });
}

const PHOTO_SIZE = 227;
/** Channel means of the training set, blue, green, red. */
const MEANS = [104, 117, 123] as const;

/** A photo as SqueezeNet wants it: scaled to 227×227, blue-green-red planes, channel means taken off. */
export async function photoTensor(path: string): Promise<Tensor> {
  const pixels = await readPixels(path);
  const plane = PHOTO_SIZE * PHOTO_SIZE;
  const values = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) values[channel * plane + i] = pixels[3 * i + 2 - channel]! - MEANS[channel]!;
  }
  return float32([1, 3, PHOTO_SIZE, PHOTO_SIZE], values);
}

async function readPixels(path: string): Promise<Buffer> {
  try {
    return await sharp(path).removeAlpha().toColourspace('srgb').resize(PHOTO_SIZE, PHOTO_SIZE, { fit: 'cover', kernel: 'cubic' }).raw().toBuffer();
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${path} cannot be read as an image.`, facts: { path }, remedy: 'Give a PNG, JPEG or WebP file.', cause });
  }
}

/** Names of the 1,000 ImageNet classes by index. */
export function imagenetClasses(): string[] {
  return readFileSync(join(PROJECT_ROOT, 'data/photos/imagenet_classes.txt'), 'utf8').trimEnd().split('\n');
}

export const MNIST_FILE = join(PROJECT_ROOT, 'models/mnist/model.onnx');
export const SQUEEZENET_FILE = join(PROJECT_ROOT, 'models/squeezenet/model.onnx');
export const KITTEN_FILE = join(PROJECT_ROOT, 'data/photos/kitten_224.png');

function float32(dims: readonly number[], values: Float32Array): Tensor {
  return { dtype: 'float32', dims, data: new Uint8Array(values.buffer) };
}
