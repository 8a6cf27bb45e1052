import { sha256, stringToBytes } from 'viem';
import type { Root } from '#core/hashing';

/** A way to run canonical models: the runtime, its options and its binaries. Equal profile, equal bits. */
export interface ProfileDescription {
  readonly name: string;
  readonly runtime: string;
  readonly version: string;
  /** Session options that the bits depend on (docs/numerics.md). */
  readonly session: {
    readonly executionMode: 'sequential';
    readonly graphOptimizationLevel: 'disabled';
    readonly interOpNumThreads: 1;
    readonly intraOpNumThreads: 1;
    readonly extra: { readonly mlas: { readonly disable_kleidiai: '1' } };
  };
  /** SHA-256 of the runtime's library by platform and architecture. */
  readonly binaries: Readonly<Record<string, string>>;
}

export interface Profile extends ProfileDescription {
  /** SHA-256 of the canonical JSON of the description. */
  readonly id: Root;
}

export const DEFAULT_PROFILE: Profile = profile({
  name: 'onnxruntime-1.30-unoptimised',
  runtime: 'onnxruntime-node',
  version: '1.30.0',
  session: {
    executionMode: 'sequential',
    graphOptimizationLevel: 'disabled',
    interOpNumThreads: 1,
    intraOpNumThreads: 1,
    extra: { mlas: { disable_kleidiai: '1' } },
  },
  binaries: {
    'darwin-arm64': '685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d',
    'linux-arm64': '1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76',
    'linux-x64': 'ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23',
    'win32-arm64': '6c3a2abf5c6aca11c48a0d338a91af309f2266f25ce2e4084e6a87bbcb0fbfd0',
    'win32-x64': '508c362f5673483dd3a086379c392795b2e42d10d5e6f3f90ebd7ac21c97af67',
  },
});

/** Every profile this version knows, by id. */
export const PROFILES: ReadonlyMap<Root, Profile> = new Map([[DEFAULT_PROFILE.id, DEFAULT_PROFILE]]);

function profile(description: ProfileDescription): Profile {
  return { ...description, id: sha256(stringToBytes(canonicalJson(description))) };
}

/** JSON with sorted keys and no white space. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
