import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sampleFile } from '../../../apps/cli/sample-models.js';
import { connect } from '#sdk';
import { PROJECT_ROOT } from '#testing';
import type { Setting } from './setting.js';

/** A Python that has gRPC and a protobuf compiler beside it; undefined where there is none. */
function python(): string | undefined {
  if (spawnSync('protoc', ['--version']).status !== 0) return undefined;
  return ['python3', '/usr/bin/python3'].find((program) => spawnSync(program, ['-c', 'import grpc, google.protobuf']).status === 0);
}

const MISSING = 'needs Python with gRPC: apt install python3-grpcio python3-protobuf protobuf-compiler';

export function pythonRules(setting: () => Pick<Setting, 'network' | 'key'>): void {
  describe('Python, with stubs from the public protos', () => {
    it('P-01 classifies a digit over gRPC and over HTTP, by the bytes that tritonclient sends', async (context) => {
      const program = python();
      if (!program) return context.skip(MISSING);
      const { network, key } = setting();
      const assay = await connect({ url: network.urls.grpc, deployment: network.deployment });
      await assay.register({ name: 'mnist', file: await sampleFile('mnist') });
      assay.close();
      const { grpc, http } = network.urls.inference!;
      const { code, stdout, stderr } = await run(program, [join(PROJECT_ROOT, 'examples/python/digit.py'), '--grpc', grpc, '--http', new URL(http).host, '--key', key]);
      expect([code, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toMatchObject({ grpc: { id: 'grpc-1', digit: 7 }, http: { id: 'http-1', digit: 7, signedBy: 'gateway' } });
    }, 120_000);
  });
}

function run(program: string, args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(program, args, { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}
