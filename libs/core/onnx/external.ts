import { AssayError } from '#core/protocol';
import { checkLimit, type ModelLimits } from './limits.js';
import type { ExternalLocation } from './proto/model.js';

/** Files in the model's folder that hold data of its tensors. Whoever implements it lets nothing outside the folder be read. */
export interface ExternalData {
  /** Bytes of a file, or undefined if there is none of that name. */
  size(location: string): number | undefined;
  /** That part of the file in a buffer of its own. */
  read(location: string, part: { readonly offset: number; readonly length: number }): Uint8Array;
}

const MAX_LOCATION = 255;

/**
 * Reads the data of tensors that lie beside the model, checked before a byte is read: the place inside the model's folder,
 * the part inside the file, all parts together within the limit on a model's bytes.
 */
export function externalReader(files: ExternalData, { limits, modelBytes }: { limits: ModelLimits; modelBytes: number }) {
  let total = modelBytes;
  return (tensor: string, { location, offset, length: declared }: ExternalLocation, length: number): Uint8Array => {
    const refuse = (reason: string): never => {
      throw new AssayError({ code: 'MODEL_UNPARSABLE', message: `The data of tensor ${tensor} cannot be read: ${reason}.`, facts: { tensor, location: location.slice(0, MAX_LOCATION), reason } });
    };
    if (!isInsideFolder(location)) refuse('its location is not inside the model’s folder');
    const size = files.size(location) ?? refuse(`there is no file ${location} in the model’s folder`);
    if (declared !== undefined && declared !== BigInt(length)) refuse(`${declared} bytes are declared where its shape needs ${length}`);
    if (offset + BigInt(length) > BigInt(size)) refuse(`bytes ${offset} to ${offset + BigInt(length)} are not in a file of ${size}`);
    total += length;
    checkLimit(limits, 'bytes', total);
    return files.read(location, { offset: Number(offset), length });
  };
}

/** A relative path of plain names: no way up, no root, no drive, no other separator. */
function isInsideFolder(location: string): boolean {
  if (location.length === 0 || location.length > MAX_LOCATION || /[\\:\0]/.test(location)) return false;
  return location.split('/').every((part) => part !== '' && part !== '..') && location !== '.';
}
