import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import type { Address, Hex } from 'viem';
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts';
import { encryptKey, unlocked } from '#platform';

/** The secrets of one executor or challenger, made once in its own folder and never sent anywhere. */
export interface NodeKeys {
  readonly address: Address;
  readonly privateKey: Hex;
  readonly natsSeed: string;
  /** Of the broker's login: what a network is told. */
  readonly natsPublicKey: string;
  /** ASSAY_KEYSTORE and ASSAY_KEYSTORE_PASSWORD_FILE. */
  readonly environment: { readonly ASSAY_KEYSTORE: string; readonly ASSAY_KEYSTORE_PASSWORD_FILE: string };
}

const SECRET = { mode: 0o600, flag: 'wx' } as const;

/** @throws AssayError KEYSTORE_UNUSABLE */
export function nodeKeys(folder: string): NodeKeys {
  const files = { keystore: join(folder, 'keystore.json'), password: join(folder, 'keystore-password'), seed: join(folder, 'broker-seed') };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(files.password)) writeFileSync(files.password, `${randomBytes(24).toString('base64url')}\n`, SECRET);
  if (!existsSync(files.keystore)) writeFileSync(files.keystore, encryptKey(generatePrivateKey(), { password: readFileSync(files.password, 'utf8').trim() }), SECRET);
  if (!existsSync(files.seed)) writeFileSync(files.seed, `${new TextDecoder().decode(createUser().getSeed())}\n`, SECRET);
  const environment = { ASSAY_KEYSTORE: files.keystore, ASSAY_KEYSTORE_PASSWORD_FILE: files.password };
  const privateKey = unlocked(environment)['ASSAY_PRIVATE_KEY'] as Hex;
  const natsSeed = readFileSync(files.seed, 'utf8').trim();
  return { address: privateKeyToAddress(privateKey), privateKey, natsSeed, natsPublicKey: fromSeed(new TextEncoder().encode(natsSeed)).getPublicKey(), environment };
}
