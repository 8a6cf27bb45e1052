import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { bytesToHex, type Hex } from 'viem';
import { english, generateMnemonic, mnemonicToAccount, type HDAccount } from 'viem/accounts';
import { z } from 'zod';
import { AssayError } from '#core/protocol';
import { LOCAL_CHAIN_ID } from '#io/chain';

/** Accounts of the local network by position; a name keeps its position for ever, so that a resumed network finds its money. */
const POSITIONS = { deployer: 0, coordinator: 1, submitter: 2, gateway: 3 } as const;
const FIRST_EXECUTOR = 10;
const FIRST_CHALLENGER = 40;
export const MAX_EXECUTORS = 16;
export const MAX_CHALLENGERS = 16;
/** As many accounts as anvil must give ether to. */
export const ACCOUNTS = FIRST_CHALLENGER + MAX_CHALLENGERS;

const keysSchema = z.strictObject({
  /** WHY: the one marker that says these keys are worth nothing anywhere else; everything that reads the file checks it. */
  localNetworkOnly: z.literal(LOCAL_CHAIN_ID),
  mnemonic: z.string(),
  natsSeeds: z.record(z.string(), z.string()),
});

/** Every secret of a local network, in one file, made when the network is. */
export class LocalKeys {
  private constructor(
    private readonly file: string,
    private readonly content: z.infer<typeof keysSchema>,
  ) {}

  /** Reads the file, or makes it with fresh keys. */
  static at(file: string): LocalKeys {
    if (existsSync(file)) return new LocalKeys(file, parseKeys(file));
    const keys = new LocalKeys(file, { localNetworkOnly: LOCAL_CHAIN_ID, mnemonic: generateMnemonic(english), natsSeeds: {} });
    keys.write();
    return keys;
  }

  get mnemonic(): string {
    return this.content.mnemonic;
  }

  /** SAFETY: these keys are for one chain, the local one, whatever a deployment file says. */
  isFor(chainId: number): boolean {
    return this.content.localNetworkOnly === chainId;
  }

  account(name: string): HDAccount {
    return mnemonicToAccount(this.content.mnemonic, { addressIndex: positionOf(name) });
  }

  privateKey(name: string): Hex {
    return bytesToHex(this.account(name).getHdKey().privateKey!);
  }

  natsSeed(name: string): string {
    const known = this.content.natsSeeds[name];
    if (known) return known;
    this.content.natsSeeds[name] = new TextDecoder().decode(createUser().getSeed());
    this.write();
    return this.content.natsSeeds[name];
  }

  natsPublicKey(name: string): string {
    return fromSeed(new TextEncoder().encode(this.natsSeed(name))).getPublicKey();
  }

  private write(): void {
    mkdirSync(dirname(this.file), { recursive: true });
    writeFileSync(this.file, `${JSON.stringify(this.content, null, 2)}\n`, { mode: 0o600 });
  }
}

function positionOf(name: string): number {
  if (Object.hasOwn(POSITIONS, name)) return POSITIONS[name as keyof typeof POSITIONS];
  const [, role, number] = /^(executor|challenger)-(\d+)$/.exec(name) ?? [];
  const limit = role === 'executor' ? MAX_EXECUTORS : MAX_CHALLENGERS;
  if (!role || Number(number) < 1 || Number(number) > limit) throw new AssayError({ code: 'USAGE', message: `the local network has no ${name}`, facts: { name } });
  return (role === 'executor' ? FIRST_EXECUTOR : FIRST_CHALLENGER) + Number(number) - 1;
}

function parseKeys(file: string): z.infer<typeof keysSchema> {
  try {
    return keysSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} does not hold the keys of a local network`, facts: { file }, remedy: 'Use another folder, or remove this one to start a new network.', cause });
  }
}
