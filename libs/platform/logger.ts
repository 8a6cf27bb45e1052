import pino, { type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly name: string;
  readonly level: string;
  /** Where lines go; standard error unless told otherwise, since standard output belongs to the ready line. */
  readonly destination?: DestinationStream;
}

/** Names under which secrets travel; their values never reach a log, at the top or one level down. */
const SECRETS = ['ASSAY_PRIVATE_KEY', 'ASSAY_NATS_SEED', 'ASSAY_ADMIN_TOKEN', 'DATABASE_URL', 'privateKey', 'seed', 'password', 'authorization'];

/** JSON lines with bigints as decimal strings. Every line that others rely on has a stable `event`. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: (line) => plainNumbers(line) as Record<string, unknown> },
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

const MAX_DEPTH = 4;

function plainNumbers(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error || value instanceof Uint8Array || value === null || typeof value !== 'object' || depth >= MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => plainNumbers(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainNumbers(item, depth + 1)]));
}
