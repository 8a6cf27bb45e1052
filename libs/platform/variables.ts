import { isAddress, isHex, type Address, type Hex } from 'viem';
import { z } from 'zod';
import { secret, variable } from './config.js';

const url = (protocols: string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), `is not a URL that starts with ${protocols.join(' or ')}//`);

const rpcUrl = url(['http:', 'https:']);
/** One RPC endpoint, or up to eight separated by commas, the preferred one first. */
const rpcUrls = z.string().refine((text) => text.split(',').length <= 8 && text.split(',').every((one) => rpcUrl.safeParse(one.trim()).success), 'is not a list of URLs that start with http:// or https://');

const natsUrl = url(['nats:', 'tls:']);
/** The broker, or up to eight nodes of its cluster separated by commas: any that answers is used. */
const natsUrls = z.string().refine((text) => text.split(',').length <= 8 && text.split(',').every((one) => natsUrl.safeParse(one.trim()).success), 'is not a list of URLs that start with nats:// or tls://');

/** host:port as a listener takes it; port 0 lets the system choose. */
export const hostPort = z
  .string()
  .regex(/^[^\s:]+:\d{1,5}$/, 'is not host:port')
  .transform((text) => ({ host: text.slice(0, text.lastIndexOf(':')), port: Number(text.slice(text.lastIndexOf(':') + 1)) }))
  .refine((listen) => listen.port < 65_536, 'has a port above 65535');

export type Listen = z.infer<typeof hostPort>;

export const switchOf = z.enum(['true', 'false'], 'is neither true nor false').transform((text) => text === 'true');

export const wholeNumber = (min: number, max: number) =>
  z.string().regex(/^\d{1,15}$/, 'is not a whole number').transform(Number).refine((n) => n >= min && n <= max, `is not between ${min} and ${max}`);

export const addressVariable = z.custom<Address>((v) => typeof v === 'string' && isAddress(v), 'is not an address');

/** An nkey seed of a user: SU and 56 more characters of base32. */
const natsSeed = z.string().regex(/^SU[A-Z2-7]{56}$/, 'is not an nkey user seed');
export const privateKeyVariable = z.custom<Hex>((v) => typeof v === 'string' && isHex(v) && v.length === 66, 'is not a private key of 32 bytes in hex');

/** What every process of the network reads; spread into the app's own schema. */
export const commonVariables = {
  /** A secret, since a provider's URL holds the key it is paid by. */
  ASSAY_RPC_URL: secret(rpcUrls, 'http://127.0.0.1:8545'),
  /** Highest maxFeePerGas offered for a transaction; while the base fee is above it, nothing is sent. */
  ASSAY_FEE_CAP_GWEI: variable(wholeNumber(1, 1_000_000).default(500), '500'),
  /** Blocks below the head that a reorganisation may still take back; a deeper one is survived too, by reading everything again. */
  ASSAY_FINALITY_DEPTH: variable(wholeNumber(1, 10_000).default(64), '64'),
  ASSAY_NATS_URL: variable(natsUrls, 'nats://127.0.0.1:4222'),
  ASSAY_NATS_SEED: secret(natsSeed, 'SUAM… (58 characters, from `nk -gen user`)'),
  /** For a broker with TLS (tls://…): who signed its certificate, and this process's own certificate if it asks for one. */
  ASSAY_NATS_TLS_CA: variable(z.string().min(1).optional(), './ca.pem'),
  ASSAY_NATS_TLS_CERT: variable(z.string().min(1).optional(), './executor-1.pem'),
  ASSAY_NATS_TLS_KEY: variable(z.string().min(1).optional(), './executor-1.key'),
  ASSAY_DEPLOYMENT: variable(z.string().min(1), './deployment.json'),
  ASSAY_PRIVATE_KEY: variable(privateKeyVariable, '0x… (64 hex digits)'),
  ASSAY_DATA_DIR: variable(z.string().min(1), './data/executor-1'),
  ASSAY_LOG_LEVEL: variable(z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'), 'info'),
  ASSAY_METRICS_LISTEN: variable(hostPort.optional(), '127.0.0.1:9464'),
};

/** What a model's own process may take; for processes that run strangers' models. */
export const modelVariables = {
  ASSAY_MODEL_MEMORY_MB: variable(wholeNumber(64, 1_048_576).default(4_096), '4096'),
  ASSAY_MODEL_TIME_LIMIT_MS: variable(wholeNumber(100, 3_600_000).default(120_000), '120000'),
};

/** Files for TLS to the broker, if the configuration names any. */
export function natsTls(config: { readonly ASSAY_NATS_TLS_CA?: string | undefined; readonly ASSAY_NATS_TLS_CERT?: string | undefined; readonly ASSAY_NATS_TLS_KEY?: string | undefined }) {
  const { ASSAY_NATS_TLS_CA: caFile, ASSAY_NATS_TLS_CERT: certFile, ASSAY_NATS_TLS_KEY: keyFile } = config;
  if (!caFile && !certFile) return {};
  return { tls: { ...(caFile ? { caFile } : {}), ...(certFile ? { certFile } : {}), ...(keyFile ? { keyFile } : {}) } };
}
