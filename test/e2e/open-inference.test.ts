import { afterAll, beforeAll, describe, vi } from 'vitest';
import { grpcRules } from './open-inference/grpc-rules.js';
import { keyRules } from './open-inference/key-rules.js';
import { restRules } from './open-inference/rest-rules.js';
import { startSetting, type Setting } from './open-inference/setting.js';

// The rules are numbered in docs/inference-protocol.md. WHY one file: one network serves all of them.
vi.setConfig({ testTimeout: 60_000 });

let started: Setting;
beforeAll(async () => {
  started = await startSetting();
}, 240_000);
afterAll(() => started?.end(), 60_000);
const setting = () => started;

describe('Open Inference Protocol over gRPC', () => grpcRules(setting));
describe('Open Inference Protocol over HTTP', () => restRules(setting));
describe('the gateway', () => keyRules(setting));
