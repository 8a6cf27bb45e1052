import { readFile } from 'node:fs/promises';
import { isAddress, type Address } from 'viem';
import { z } from 'zod';
import { AssayError } from '#core/protocol';

const address = z.custom<Address>((v) => typeof v === 'string' && isAddress(v, { strict: false }), 'not an address');

/** Where a network's contracts are; written at deployment, read by every process from the file ASSAY_DEPLOYMENT names. */
export const deploymentSchema = z.object({
  chainId: z.int().positive(),
  token: address,
  vault: address,
  batches: address,
  disputes: address,
  charges: address,
  requests: address,
  checks: address,
  canaries: address,
  beacons: address,
  authority: address,
  stepVerifier: address,
  /** Block of the first contract: nothing before it concerns this network. */
  deployedBlock: z.int().min(0),
});

export type Deployment = z.infer<typeof deploymentSchema>;

/** Reads and checks a deployment file. */
export async function readDeployment(path: string): Promise<Deployment> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw invalidDeployment(path, 'it cannot be read', cause);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalidDeployment(path, 'it is not JSON', cause);
  }
  return parseDeployment(json, path);
}

/** @param path where it is from, for the error. @throws AssayError DEPLOYMENT_INVALID */
export function parseDeployment(json: unknown, path = 'given'): Deployment {
  const parsed = deploymentSchema.safeParse(json);
  if (!parsed.success) throw invalidDeployment(path, z.prettifyError(parsed.error), parsed.error);
  return parsed.data;
}

function invalidDeployment(path: string, reason: string, cause: unknown): AssayError {
  return new AssayError({ code: 'DEPLOYMENT_INVALID', message: `The deployment file ${path} is not usable: ${reason}`, facts: { path }, cause });
}
