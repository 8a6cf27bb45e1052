import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { floatBytes, floatsOf, plusJson, SIX, type Setting } from './setting.js';

/** One test per rule of specification/protocol/inference_rest.md, in its order; B: of Triton's binary tensor data. */
export function restRules(setting: () => Setting): void {
  const get = (path: string) => setting().rest(path);
  const post = (path: string, document: object, init: RequestInit = {}) => setting().rest(path, { method: 'POST', body: JSON.stringify(document), ...init });
  const infer = async (path: string, document: object) => (await post(path, document)).json() as Promise<Record<string, any>>;
  const refusal = async (response: Promise<Response>) => {
    const { status } = await response;
    return { status, ...((await (await response).json()) as { error: string }) };
  };

  describe('health', () => {
    it('R-01 GET v2/health/live', async () => {
      const response = await get('v2/health/live');
      expect([response.status, await response.json()]).toEqual([200, { live: true }]);
    });
    it('R-02 GET v2/health/ready', async () => {
      const response = await get('v2/health/ready');
      expect([response.status, await response.json()]).toEqual([200, { live: true, ready: true }]);
    });
    it('R-03 GET v2/models/NAME[/versions/VERSION]/ready has name and ready', async () => {
      expect(await (await get('v2/models/plus/ready')).json()).toEqual({ name: 'plus', ready: true });
      expect((await get('v2/models/plus/versions/two/ready')).status).toBe(200);
    });
    it('R-04 a model that is not ready is no 200', async () => {
      const response = await get('v2/models/nobody/ready');
      expect([response.status, await response.json()]).toEqual([503, { name: 'nobody', ready: false }]);
    });
  });

  describe('metadata', () => {
    it('R-05 GET v2 has name, version, extensions', async () => {
      for (const path of ['v2', 'v2/']) expect(await (await get(path)).json()).toMatchObject({ name: 'assay', version: expect.any(String), extensions: expect.arrayContaining(['assay_receipt']) });
    });
    it('R-06 GET v2/models/NAME has name, versions, platform, inputs, outputs', async () => {
      const response = await get('v2/models/plus');
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(await response.json()).toEqual({ name: 'plus', versions: ['1', '2', 'one', 'two'], platform: 'onnx_onnxv1', inputs: [{ name: 'x', datatype: 'FP32', shape: [4] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [4] }] });
    });
    it('R-07 the version may be in the path', async () => expect((await get('v2/models/plus/versions/1')).status).toBe(200));
    it('R-08 failed metadata is an HTTP error with an error text', async () => expect(await refusal(get('v2/models/nobody'))).toMatchObject({ status: 404, error: expect.stringContaining('nobody') }));
  });

  describe('inference', () => {
    it('R-09 POST v2/models/NAME/infer answers 200 with model_name, model_version, id, outputs', async () => {
      const response = await post('v2/models/plus/infer', plusJson({ id: '42' }));
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ model_name: 'plus', model_version: '2', id: '42', outputs: [{ name: 'y', datatype: 'FP32', shape: [4], data: [3, 4, 5, 6] }] });
    });
    it('R-10 the version may be in the path', async () => expect((await infer('v2/models/plus/versions/one/infer', plusJson()))['outputs'][0].data).toEqual([2, 3, 4, 5]));
    it('R-11 without an id there is none', async () => expect(await infer('v2/models/plus/infer', plusJson())).not.toHaveProperty('id'));
    it('R-12 parameters are taken, and given', async () => expect((await infer('v2/models/plus/infer', plusJson({ parameters: { any: 'thing', number: 5, flag: true } })))['parameters']).toMatchObject({ assay_signed_by: 'gateway' }));
    it('R-13 every datatype goes in and out as JSON, row-major, flat or nested', async () => {
      const flat: Record<string, unknown[]> = { f: [0.5, -1, 2, 3, 4, 5], u: [1, 2, 3, 4, 5, 255], s: [1, 2, 3, 4, 5, -128], i: [1, 2, 3, 4, 5, -70000], l: [1, 2, 3, 4, 5, '9007199254740993'], b: [true, false, false, true, true, true] };
      const inputs = Object.entries(flat).map(([name, data]) => ({ name, shape: [2, 3], datatype: SIX[name as 'f'].datatype, data: name === 'i' ? [data.slice(0, 3), data.slice(3)] : data }));
      const text = await (await post('v2/models/types/infer', { inputs })).text();
      const exact = text.replace('9007199254740993', '"9007199254740993"');
      expect(exact).not.toBe(text);
      const { outputs } = JSON.parse(exact) as { outputs: { name: string; data: unknown[] }[] };
      expect(outputs.map(({ data }) => data.map(String))).toEqual(Object.values(SIX).map(({ turned }) => turned.map(String)));
    });
    it('R-14 requested outputs are returned, and no other', async () => {
      const inputs = Object.entries(SIX).map(([name, { datatype, turned }]) => ({ name, shape: [2, 3], datatype, data: turned }));
      expect((await infer('v2/models/types/infer', { inputs, outputs: [{ name: 's_t' }] }))['outputs'].map((o: { name: string }) => o.name)).toEqual(['s_t']);
    });
    it.each([
      ['a wrong shape', plusJson({ inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2] }] })],
      ['too few elements', plusJson({ inputs: [{ name: 'x', datatype: 'FP32', shape: [4], data: [1, 2] }] })],
      ['a wrong datatype', plusJson({ inputs: [{ name: 'x', datatype: 'INT64', shape: [4], data: [1, 2, 3, 4] }] })],
      ['an element of another kind', plusJson({ inputs: [{ name: 'x', datatype: 'FP32', shape: [4], data: [1, 'two', 3, 4] }] })],
      ['FP16 as JSON', plusJson({ inputs: [{ name: 'x', datatype: 'FP16', shape: [4], data: [1, 2, 3, 4] }] })],
      ['no inputs', {}],
    ])('R-15 a failed inference is an HTTP error with an error text: %s', async (_, document) => {
      expect(await refusal(post('v2/models/plus/infer', document))).toMatchObject({ status: 400, error: expect.any(String) });
    });
    it('R-16 a body that is not JSON is refused', async () => expect((await refusal(setting().rest('v2/models/plus/infer', { method: 'POST', body: '{' }))).status).toBe(400));
    it('R-17 another method or path is refused', async () => {
      expect((await refusal(get('v2/models/plus/infer'))).status).toBe(405);
      expect((await refusal(get('v3'))).status).toBe(404);
    });
  });

  describe('binary tensor data', () => {
    const body = (header: object, ...tensors: Uint8Array[]) => {
      const json = Buffer.from(JSON.stringify(header));
      return { bytes: new Uint8Array(Buffer.concat([json, ...tensors])), length: String(json.length) };
    };
    const binaryInput = { name: 'x', datatype: 'FP32', shape: [4], parameters: { binary_data_size: 16 } };
    const send = (given: { bytes: Uint8Array<ArrayBuffer>; length: string }, headers: Record<string, string> = {}) =>
      setting().rest('v2/models/plus/infer', { method: 'POST', body: given.bytes, headers: { 'inference-header-content-length': given.length, ...headers } });

    it('B-01 inputs behind the JSON', async () => {
      const response = await send(body({ inputs: [binaryInput] }, floatBytes(1, 2, 3, 4)));
      expect(await response.json()).toMatchObject({ outputs: [{ data: [3, 4, 5, 6] }] });
    });
    it.each([
      ['of each output', { outputs: [{ name: 'y', parameters: { binary_data: true } }] }],
      ['for all', { parameters: { binary_data_output: true } }],
    ])('B-02 outputs behind the JSON, asked for %s', async (_, more) => {
      const response = await send(body({ inputs: [binaryInput], ...more }, floatBytes(1, 2, 3, 4)));
      const length = Number(response.headers.get('inference-header-content-length'));
      const bytes = new Uint8Array(await response.arrayBuffer());
      const json = JSON.parse(Buffer.from(bytes.subarray(0, length)).toString()) as { outputs: { parameters: object }[] };
      expect(json.outputs[0]!.parameters).toEqual({ binary_data_size: 16 });
      expect(floatsOf(bytes.subarray(length))).toEqual([3, 4, 5, 6]);
    });
    it('B-03 sizes that do not fit are refused', async () => {
      expect((await send(body({ inputs: [binaryInput] }, floatBytes(1, 2, 3)))).status).toBe(400);
      expect((await send(body({ inputs: [binaryInput] }, floatBytes(1, 2, 3, 4, 5)))).status).toBe(400);
      expect((await send({ ...body({ inputs: [binaryInput] }), length: '99999' })).status).toBe(400);
    });
    it('B-04 compressed bodies in, and out', async () => {
      const given = body({ inputs: [binaryInput] }, floatBytes(1, 2, 3, 4));
      for (const encoding of ['gzip', 'deflate']) {
        const response = await send({ ...given, bytes: new Uint8Array(gzipSync(given.bytes)) }, { 'content-encoding': 'gzip', 'accept-encoding': encoding });
        expect(response.headers.get('content-encoding')).toBe(encoding);
        expect(await response.json()).toMatchObject({ outputs: [{ data: [3, 4, 5, 6] }] });
      }
    });
    it('B-05 RepositoryIndex, config and statistics as Triton has them', async () => {
      expect(await (await post('v2/repository/index', {})).json()).toContainEqual({ name: 'types', version: '1', state: 'READY', reason: '' });
      expect(await (await get('v2/models/plus/config')).json()).toMatchObject({ name: 'plus', max_batch_size: 0, input: [{ data_type: 'TYPE_FP32', dims: [4] }] });
      expect(await (await get('v2/models/plus/stats')).json()).toMatchObject({ model_stats: [{ name: 'plus', inference_count: expect.any(Number) }] });
    });
  });
}
