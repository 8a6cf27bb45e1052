import { join } from 'node:path';
import { parseGwei, type Hex } from 'viem';
import type { Root } from '#core/hashing';
import { DEFAULT_LIMITS } from '#core/onnx';
import { ModelShelf } from '#io/artifacts';
import { addressOf, connectChain, readDeployment, type Chain } from '#io/chain';
import { Compiler } from '#io/compiling';
import { openTested, Quarantine, type TestedModel } from '#io/inference';
import { connectMessaging, fetchModelFile, type Messaging } from '#io/messaging';
import { connectWithRetry, natsTls, systemClock, type Logger } from '#platform';

type BrokerTls = Parameters<typeof natsTls>[0];

/** Of the configuration of a process, what it takes part by. */
export interface Participation extends BrokerTls {
  readonly ASSAY_RPC_URL: string;
  readonly ASSAY_FEE_CAP_GWEI: number;
  readonly ASSAY_FINALITY_DEPTH: number;
  readonly ASSAY_NATS_URL: string;
  readonly ASSAY_NATS_SEED: string;
  readonly ASSAY_DEPLOYMENT: string;
  readonly ASSAY_PRIVATE_KEY: Hex;
  readonly ASSAY_WATCH_ONLY?: boolean;
}

/** Of the configuration of a process that runs strangers' models, what bounds them. */
export interface ModelRoom {
  readonly ASSAY_DATA_DIR: string;
  readonly ASSAY_MODEL_MEMORY_MB: number;
  readonly ASSAY_MODEL_TIME_LIMIT_MS: number;
}

const MAX_LOADED_MODELS = 8;
const SELF_TEST_SEED = 1;
/** About half a minute of attempts at start. */
export const CONNECTING = { attempts: 20, firstDelayMs: 100, maxDelayMs: 2_000, clock: systemClock };

/** The chain of the deployment, with the process's account. */
export async function openChain(config: Participation, log: Logger): Promise<Chain> {
  const deployment = await readDeployment(config.ASSAY_DEPLOYMENT);
  // SAFETY: without the key nothing can be sent, whatever asks for it.
  const who = config.ASSAY_WATCH_ONLY ? { account: addressOf(config.ASSAY_PRIVATE_KEY) } : { privateKey: config.ASSAY_PRIVATE_KEY };
  const connect = () => connectChain({ rpcUrl: config.ASSAY_RPC_URL, deployment, feeCap: parseGwei(String(config.ASSAY_FEE_CAP_GWEI)), finalityDepth: BigInt(config.ASSAY_FINALITY_DEPTH), ...who });
  return connectWithRetry(connect, { ...CONNECTING, what: 'chain', code: 'CHAIN_UNREACHABLE', log });
}

/** The broker, as a role of the process's account. */
export function openMessaging(role: 'coordinator' | 'executor' | 'challenger', config: Participation, log: Logger): Promise<Messaging> {
  const broker = { url: config.ASSAY_NATS_URL, seed: config.ASSAY_NATS_SEED, ...natsTls(config), role, address: addressOf(config.ASSAY_PRIVATE_KEY), log };
  return connectWithRetry(() => connectMessaging(broker), { ...CONNECTING, what: 'broker', code: 'BROKER_UNREACHABLE', log });
}

/** Models of the network, each in a process of its own with bounds. */
export function openModels(config: ModelRoom, messaging: Messaging): ModelShelf<TestedModel> {
  const bounds = { memoryBytes: config.ASSAY_MODEL_MEMORY_MB * 2 ** 20, callMs: config.ASSAY_MODEL_TIME_LIMIT_MS };
  const apart = { quarantine: new Quarantine(), ...bounds };
  const compiler = new Compiler({ maxBytes: DEFAULT_LIMITS.bytes, ...bounds });
  // SAFETY: what a file does to its reader it does to a process of its own first; here is read only what did no harm there.
  const fetch = async (modelId: Root) => {
    const file = await fetchModelFile(messaging, modelId, DEFAULT_LIMITS.bytes);
    await compiler.idOf(file);
    return file;
  };
  const load = (file: Uint8Array) => openTested(file, { seed: SELF_TEST_SEED, apart });
  return new ModelShelf<TestedModel>({ fetch, load }, { dir: join(config.ASSAY_DATA_DIR, 'models'), maxLoaded: MAX_LOADED_MODELS });
}
