import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encryptKey, variablesOf } from '#platform';
import { PROJECT_ROOT } from '#testing';
import { challengerConfig } from '../../apps/challenger/config.js';
import { coordinatorConfig } from '../../apps/coordinator/config.js';
import { executorConfig } from '../../apps/executor/config.js';
import { gatewayConfig } from '../../apps/gateway/config.js';
import { ALERTS, metricsIn } from '../../deploy/files/alerts.js';
import { compose } from '../../deploy/files/compose.js';
import { deployFiles } from '../../deploy/files/files.js';
import { kubernetes } from '../../deploy/files/kubernetes.js';
import { metricFacts } from '../../deploy/files/metrics.js';
import { mainOf, SCHEMAS, SECRETS, type Role } from '../../deploy/files/processes.js';
import { unit } from '../../deploy/files/systemd.js';
import { yaml } from '../../deploy/files/yaml.js';

const READ = { coordinator: coordinatorConfig, executor: executorConfig, challenger: challengerConfig, gateway: gatewayConfig };
const ROLES = Object.keys(SCHEMAS) as Role[];
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-deploy-'));
  const contents = { keystore: encryptKey(`0x${'12'.repeat(32)}`, { password: 'pass word', n: 1_024 }), 'keystore-password': 'pass word\n', 'nats-seed': `SU${'A'.repeat(56)}\n`, 'database-url': 'postgresql://assay:word@db/assay\n' };
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(dir, name), text);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The process's own reader takes the environment, and knows every name in it; secrets come from files only. */
function expectReadable(role: Role, environment: Record<string, string>, secretsAt: string): void {
  const known = variablesOf(SCHEMAS[role]);
  expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
  for (const name of ['ASSAY_PRIVATE_KEY', 'ASSAY_NATS_SEED', 'DATABASE_URL']) expect(environment).not.toHaveProperty(name);
  const filled = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, value.replace(`${secretsAt}/`, `${dir}/`).replace(/\$\{ASSAY_RPC_URL[^}]*\}/, 'http://127.0.0.1:8545').replaceAll('%i', '1')]));
  expect(() => READ[role](filled)).not.toThrow();
}

interface ComposeFile {
  readonly services: Record<string, { readonly command?: string[]; readonly environment?: Record<string, string>; readonly secrets?: ({ readonly source: string; readonly target: string } | string)[]; readonly volumes?: string[]; readonly configs?: { readonly source: string }[]; readonly depends_on?: string[]; readonly healthcheck?: { readonly test: string[] }; readonly mem_limit?: string; readonly ports?: string[] }>;
  readonly secrets: Record<string, unknown>;
  readonly volumes: Record<string, unknown>;
  readonly configs: Record<string, unknown>;
}

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly template: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: { readonly containers: { readonly args: string[]; readonly env: { readonly name: string; readonly value?: string; readonly valueFrom?: object }[]; readonly ports: { readonly name: string }[]; readonly resources: { readonly limits: { readonly memory: string } }; readonly readinessProbe: object; readonly securityContext: { readonly allowPrivilegeEscalation: boolean } }[]; readonly volumes: { readonly secret?: { readonly secretName: string; readonly items: { readonly key: string }[] } }[] } } };
}

describe('the files of deploy/', () => {
  it('are what the schemas and metrics in the code say; else run `npm run deploy`', async () => {
    for (const [name, text] of Object.entries(await deployFiles())) expect(readFileSync(join(PROJECT_ROOT, name), 'utf8'), name).toBe(text);
  }, 60_000);

  it('compose: every process reads its environment, every name it refers to is there', () => {
    const { services, secrets, volumes, configs } = compose() as unknown as ComposeFile;
    for (const role of ROLES) expect(Object.values(services).filter(({ command }) => command?.[0] === mainOf(role)).length, role).toBeGreaterThan(0);
    for (const [name, service] of Object.entries(services)) {
      const role = ROLES.find((one) => service.command?.[0] === mainOf(one));
      if (role) expectReadable(role, service.environment!, '/run/secrets');
      if (name !== 'prometheus') expect(service.healthcheck?.test, name).toContain('CMD');
      expect(service.mem_limit, name).toMatch(/^\d+g$/);
      for (const port of service.ports ?? []) expect(port, `${name}: from this machine only`).toMatch(/^127\.0\.0\.1:/);
      const sources = (service.secrets ?? []).map((secret) => (typeof secret === 'string' ? secret : secret.source));
      expect(Object.keys(secrets), name).toEqual(expect.arrayContaining(sources));
      expect(Object.keys(volumes), name).toEqual(expect.arrayContaining((service.volumes ?? []).map((volume) => volume.split(':')[0])));
      expect(Object.keys(configs), name).toEqual(expect.arrayContaining((service.configs ?? []).map(({ source }) => source)));
      expect(Object.keys(services), name).toEqual(expect.arrayContaining(service.depends_on ?? []));
      if (role) expect((service.secrets as { target: string }[]).map(({ target }) => target)).toEqual(SECRETS[role]);
    }
  });

  it('kubernetes: every process reads its environment, its secrets are mounted, names are unique', () => {
    const resources = kubernetes() as unknown as Resource[];
    const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { metadata, spec } of resources.filter(({ kind }) => kind === 'StatefulSet'))
      expect(spec!.template.spec.containers, metadata.name).toEqual([expect.objectContaining({ resources: expect.objectContaining({ limits: { memory: expect.stringMatching(/^\d+Gi$/) } }), readinessProbe: expect.anything(), securityContext: expect.objectContaining({ allowPrivilegeEscalation: false }) })]);
    const workloads = resources.filter(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name !== 'nats');
    expect(new Set(workloads.map(({ spec }) => spec!.template.metadata.labels['assay/role']))).toEqual(new Set(ROLES));
    for (const { metadata, spec } of workloads) {
      const role = spec!.template.metadata.labels['assay/role'] as Role;
      const [container] = spec!.template.spec.containers;
      expect(container!.args).toEqual([mainOf(role)]);
      expect(names).toContain(`Service ${metadata.name}`);
      expectReadable(role, Object.fromEntries(container!.env.map(({ name, value, valueFrom }) => [name, valueFrom ? 'http://127.0.0.1:8545' : value!])), '/run/secrets/assay');
      const mounted = spec!.template.spec.volumes.flatMap(({ secret }) => secret ?? []);
      expect(mounted).toEqual([{ secretName: `assay-${metadata.name}`, items: SECRETS[role].map((key) => ({ key, path: key })) }]);
    }
  });

  it.each(ROLES)('systemd: %s reads its environment, every credential is loaded', (role) => {
    const lines = unit(role).split('\n');
    const values = (key: string) => lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
    expect(lines.filter((line) => line !== '' && !/^(#.*|\[(Unit|Service|Install)\]|[A-Z]\w+=.+)$/.test(line))).toEqual([]);
    expectReadable(role, Object.fromEntries(values('Environment').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])), '%d');
    expect(values('LoadCredential').map((credential) => credential.split(':')[0])).toEqual(SECRETS[role]);
    expect(values('MemoryMax')).toHaveLength(1);
    expect(values('ExecStart')).toEqual([`/usr/bin/node --enable-source-maps ${mainOf(role)}`]);
  });

  it('are quoted so that no text turns into a number, a date or a switch', () => {
    expect(yaml({ a: ['no', { b: '1', c: [] }, 2], d: {}, 'e f': true, g: { h: 'x: #y' } })).toBe('a:\n  - "no"\n  - b: "1"\n    c: []\n  - 2\nd: {}\n"e f": true\ng:\n  h: "x: #y"\n');
  });
});

describe('alerts', () => {
  const page = readFileSync(join(PROJECT_ROOT, 'docs/operations.md'), 'utf8');

  it('ask for metrics that processes have', async () => {
    const facts = await metricFacts();
    const known = facts.flatMap(({ name, type }) => (type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]));
    expect(known.length).toBeGreaterThan(15);
    for (const { name, expr } of ALERTS) for (const metric of metricsIn(expr)) expect(known, name).toContain(metric);
  });

  it('each have a section of the run book, and the run book no other', () => {
    const sections = [...page.matchAll(/^### (Assay\w+)$/gm)].map(([, name]) => name);
    expect(sections).toEqual(ALERTS.map(({ name }) => name));
  });
});
