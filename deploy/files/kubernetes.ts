import { BROKERS, environmentOf, mainOf, MEMORY_GIB, PORTS, SECRETS, type Role } from './processes.js';
import type { Yaml } from './yaml.js';

type Resource = { readonly [key: string]: Yaml };

const NAMESPACE = 'assay';
const SECRET_DIR = '/run/secrets/assay';
const USER = 1000;

interface Workload {
  readonly name: string;
  readonly role: Role;
  readonly replicas: number;
  readonly disk: string;
}

/** WHY one workload for each executor and challenger: each has an account of its own, and reads its own secret only. */
const WORKLOADS: readonly Workload[] = [
  { name: 'coordinator', role: 'coordinator', replicas: 2, disk: '20Gi' },
  { name: 'executor-1', role: 'executor', replicas: 1, disk: '50Gi' },
  { name: 'executor-2', role: 'executor', replicas: 1, disk: '50Gi' },
  { name: 'challenger-1', role: 'challenger', replicas: 1, disk: '50Gi' },
  { name: 'gateway', role: 'gateway', replicas: 1, disk: '1Gi' },
];

/**
 * Everything but what only the operator has: PostgreSQL (any; its URL is in a secret), the secrets themselves, rpc-url in the secret `assay-rpc`
 * among them, and the ConfigMap `assay` with deployment.json.
 */
export function kubernetes(): readonly Resource[] {
  return [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, ...brokers(), ...WORKLOADS.flatMap((workload) => [serviceOf(workload), statefulSet(workload)])];
}

const labelled = (name: string, labels: Record<string, string> = {}) => ({ labels: { 'app.kubernetes.io/part-of': 'assay', 'app.kubernetes.io/name': name, ...labels } });
const meta = (name: string): Yaml => ({ name, namespace: NAMESPACE, ...labelled(name) });
const selector = (name: string): Yaml => ({ matchLabels: { 'app.kubernetes.io/name': name } });

function portsOf(role: Role): Record<string, number> {
  const own = { coordinator: { grpc: PORTS.grpc }, gateway: { 'grpc-v2': PORTS.inferenceGrpc, 'http-v2': PORTS.inferenceHttp }, executor: {}, challenger: {} }[role];
  return { ...own, metrics: PORTS.metrics };
}

function serviceOf({ name, role }: Workload): Resource {
  return { apiVersion: 'v1', kind: 'Service', metadata: meta(name), spec: { selector: { 'app.kubernetes.io/name': name }, ports: Object.entries(portsOf(role)).map(([port, number]) => ({ name: port, port: number })) } };
}

function statefulSet(workload: Workload): Resource {
  const { name, replicas, disk } = workload;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta(name),
    spec: {
      serviceName: name,
      replicas,
      podManagementPolicy: 'Parallel',
      selector: selector(name),
      template: { metadata: labelled(name, { 'assay/role': workload.role }), spec: podOf(workload) },
      volumeClaimTemplates: [claim('data', disk)],
    },
  };
}

function podOf({ name, role }: Workload): Yaml {
  const httpGet = (path: string) => ({ httpGet: { path, port: 'metrics' } });
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 30,
    securityContext: { runAsNonRoot: true, runAsUser: USER, fsGroup: USER, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: role,
        image: 'assay:local',
        args: [mainOf(role)],
        env: variables(role),
        ports: Object.entries(portsOf(role)).map(([port, number]) => ({ name: port, containerPort: number })),
        startupProbe: { ...httpGet('/live'), periodSeconds: 5, failureThreshold: 60 },
        readinessProbe: { ...httpGet('/ready'), periodSeconds: 5 },
        livenessProbe: { ...httpGet('/live'), periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 6 },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { memory: `${MEMORY_GIB[role]}Gi` } },
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'tmp', mountPath: '/tmp' },
          { name: 'secrets', mountPath: SECRET_DIR, readOnly: true },
          { name: 'deployment', mountPath: '/etc/assay', readOnly: true },
        ],
      },
    ],
    volumes: [
      { name: 'tmp', emptyDir: {} },
      { name: 'secrets', secret: { secretName: `assay-${name}`, items: SECRETS[role].map((key) => ({ key, path: key })) } },
      { name: 'deployment', configMap: { name: 'assay', items: [{ key: 'deployment.json', path: 'deployment.json' }] } },
    ],
  };
}

function variables(role: Role): Yaml {
  const environment = environmentOf(role, {
    rpcUrl: '',
    natsUrl: BROKERS.map((i) => `nats://nats-${i}.nats:${PORTS.nats}`).join(','),
    replicas: BROKERS.length,
    deployment: '/etc/assay/deployment.json',
    data: '/data',
    secret: (secret) => `${SECRET_DIR}/${secret}`,
    coordinator: `coordinator:${PORTS.grpc}`,
    metrics: `0.0.0.0:${PORTS.metrics}`,
    grpc: `0.0.0.0:${PORTS.grpc}`,
    inference: { grpc: `0.0.0.0:${PORTS.inferenceGrpc}`, http: `0.0.0.0:${PORTS.inferenceHttp}` },
  });
  return Object.entries(environment).map(([name, value]) => (name === 'ASSAY_RPC_URL' ? { name, valueFrom: { secretKeyRef: { name: 'assay-rpc', key: 'rpc-url' } } } : { name, value }));
}

function brokers(): Resource[] {
  const name = 'nats';
  const ports = { client: PORTS.nats, routes: PORTS.routes };
  const container = {
    name,
    image: 'nats:2.10-alpine',
    args: ['-c', '/etc/nats/$(POD_NAME).conf'],
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    ports: Object.entries(ports).map(([port, number]) => ({ name: port, containerPort: number })),
    readinessProbe: { tcpSocket: { port: 'client' }, periodSeconds: 5 },
    securityContext: { allowPrivilegeEscalation: false },
    resources: { requests: { cpu: '200m', memory: '256Mi' }, limits: { memory: `${MEMORY_GIB.broker}Gi` } },
    volumeMounts: [{ name: 'data', mountPath: '/data' }, { name: 'config', mountPath: '/etc/nats', readOnly: true }],
  };
  const pod = {
    automountServiceAccountToken: false,
    affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: selector(name) } }] } },
    containers: [container],
    volumes: [{ name: 'config', secret: { secretName: 'assay-nats' } }],
  };
  const spec = { serviceName: name, replicas: BROKERS.length, podManagementPolicy: 'Parallel', selector: selector(name), template: { metadata: labelled(name), spec: pod }, volumeClaimTemplates: [claim('data', '20Gi')] };
  return [
    // WHY also those not ready: servers find each other by name before any of them is.
    { apiVersion: 'v1', kind: 'Service', metadata: meta(name), spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: { 'app.kubernetes.io/name': name }, ports: Object.entries(ports).map(([port, number]) => ({ name: port, port: number })) } },
    { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: meta(name), spec },
    { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: meta(name), spec: { maxUnavailable: 1, selector: selector(name) } },
  ];
}

function claim(name: string, storage: string): Yaml {
  return { metadata: { name }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } } };
}
