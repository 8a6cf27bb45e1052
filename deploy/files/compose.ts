import { BROKERS, environmentOf, mainOf, MEMORY_GIB, PORTS, SECRETS, type Role } from './processes.js';
import type { Yaml } from './yaml.js';

type Service = { readonly [key: string]: Yaml };

const RPC_URL = '${ASSAY_RPC_URL:?set it to the RPC endpoint of the chain}';
const PROCESSES: readonly (readonly [name: string, role: Role, keys: string])[] = [
  // WHY the same keys twice: both are the one coordinator of its account.
  ['coordinator-1', 'coordinator', 'coordinator'],
  ['coordinator-2', 'coordinator', 'coordinator'],
  ['executor-1', 'executor', 'executor-1'],
  ['executor-2', 'executor', 'executor-2'],
  ['challenger-1', 'challenger', 'challenger-1'],
  ['gateway', 'gateway', 'gateway'],
];
const PUBLISHED: Readonly<Record<string, readonly number[]>> = { 'coordinator-1': [PORTS.grpc], gateway: [PORTS.inferenceGrpc, PORTS.inferenceHttp] };

const READY = `fetch('http://127.0.0.1:${PORTS.metrics}/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;

/** A network on one machine: a broker cluster, PostgreSQL, two coordinators, executors, a challenger, a gateway, Prometheus. */
export function compose(): Yaml {
  const brokers = BROKERS.map((i) => [`nats-${i}`, broker(i)] as const);
  const processes = PROCESSES.map(([name, role, keys]) => [name, processOf(name, role, keys)] as const);
  const services = Object.fromEntries([...brokers, ['postgres', postgres()] as const, ...processes, ['prometheus', prometheus()] as const]);
  const secretFiles = [...BROKERS.map((i) => `nats-${i}.conf`), 'postgres-password', ...new Set(PROCESSES.flatMap(([, role, keys]) => SECRETS[role].map((secret) => `${keys}.${secret}`)))];
  return {
    name: 'assay',
    services,
    secrets: Object.fromEntries(secretFiles.map((file) => [file, { file: `./secrets/${file}` }])),
    configs: { deployment: { file: './deployment.json' }, prometheus: { file: './prometheus/prometheus.yml' }, alerts: { file: './prometheus/alerts.yml' } },
    volumes: Object.fromEntries([...BROKERS.map((i) => `nats-${i}`), 'postgres', ...PROCESSES.map(([name]) => name), 'prometheus'].map((name) => [name, {}])),
  };
}

function processOf(name: string, role: Role, keys: string): Service {
  const environment = environmentOf(role, {
    rpcUrl: RPC_URL,
    natsUrl: BROKERS.map((i) => `nats://nats-${i}:${PORTS.nats}`).join(','),
    replicas: BROKERS.length,
    deployment: '/etc/assay/deployment.json',
    data: '/data',
    secret: (secret) => `/run/secrets/${secret}`,
    coordinator: `coordinator-1:${PORTS.grpc}`,
    metrics: `0.0.0.0:${PORTS.metrics}`,
    grpc: `0.0.0.0:${PORTS.grpc}`,
    inference: { grpc: `0.0.0.0:${PORTS.inferenceGrpc}`, http: `0.0.0.0:${PORTS.inferenceHttp}` },
  });
  return {
    image: 'assay:local',
    build: { context: '..', dockerfile: 'deploy/Dockerfile' },
    command: [mainOf(role)],
    environment,
    secrets: SECRETS[role].map((secret) => ({ source: `${keys}.${secret}`, target: secret })),
    configs: [{ source: 'deployment', target: '/etc/assay/deployment.json' }],
    volumes: [`${name}:/data`],
    tmpfs: ['/tmp'],
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    mem_limit: `${MEMORY_GIB[role]}g`,
    healthcheck: { test: ['CMD', 'node', '-e', READY], interval: '10s', timeout: '5s', start_period: '60s' },
    restart: 'unless-stopped',
    stop_grace_period: '30s',
    ...(PUBLISHED[name] ? { ports: PUBLISHED[name].map((port) => `127.0.0.1:${port}:${port}`) } : {}),
    depends_on: role === 'gateway' ? ['coordinator-1'] : BROKERS.map((i) => `nats-${i}`).concat(role === 'coordinator' ? ['postgres'] : []),
  };
}

function broker(index: number): Service {
  return {
    image: 'nats:2.10-alpine',
    command: ['-c', '/run/secrets/nats.conf'],
    secrets: [{ source: `nats-${index}.conf`, target: 'nats.conf' }],
    volumes: [`nats-${index}:/data`],
    mem_limit: `${MEMORY_GIB.broker}g`,
    healthcheck: { test: ['CMD', 'nc', '-z', '127.0.0.1', String(PORTS.nats)], interval: '10s', timeout: '5s' },
    restart: 'unless-stopped',
  };
}

function postgres(): Service {
  return {
    image: 'postgres:17',
    environment: { POSTGRES_USER: 'assay', POSTGRES_DB: 'assay', POSTGRES_PASSWORD_FILE: '/run/secrets/postgres-password' },
    secrets: ['postgres-password'],
    volumes: ['postgres:/var/lib/postgresql/data'],
    healthcheck: { test: ['CMD', 'pg_isready', '-U', 'assay'], interval: '10s', timeout: '5s' },
    mem_limit: `${MEMORY_GIB.database}g`,
    restart: 'unless-stopped',
  };
}

function prometheus(): Service {
  return {
    image: 'prom/prometheus:v3.5.0',
    configs: [{ source: 'prometheus', target: '/etc/prometheus/prometheus.yml' }, { source: 'alerts', target: '/etc/prometheus/alerts.yml' }],
    volumes: ['prometheus:/prometheus'],
    ports: ['127.0.0.1:9090:9090'],
    mem_limit: `${MEMORY_GIB.prometheus}g`,
    restart: 'unless-stopped',
  };
}

/** What Prometheus asks, and which alerts it holds. */
export function prometheusConfig(): Yaml {
  const targets = PROCESSES.map(([name]) => `${name}:${PORTS.metrics}`);
  return { global: { scrape_interval: '15s', evaluation_interval: '15s' }, rule_files: ['alerts.yml'], scrape_configs: [{ job_name: 'assay', static_configs: [{ targets }] }] };
}
