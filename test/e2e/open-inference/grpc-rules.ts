import { describe, expect, it } from 'vitest';
import { failure, floatBytes, floatsOf, plusRequest, SIX, typesRequest, type Setting } from './setting.js';

const PLATFORMS = ['tensorrt_plan', 'tensorflow_graphdef', 'tensorflow_savedmodel', 'onnx_onnxv1', 'pytorch_torchscript', 'mxnet_mxnet', 'caffe2_netdef'];

/** One test per rule of specification/protocol/inference_grpc.md, in its order; T: of Triton's additions. */
export function grpcRules(setting: () => Setting): void {
  const grpc: Setting['grpc'] = (...given) => setting().grpc(...given);

  describe('health', () => {
    it('G-01 ServerLive says live', async () => expect(await grpc('ServerLive')).toEqual({ live: true }));
    it('G-02 ServerReady says ready when inference is possible', async () => expect(await grpc('ServerReady')).toEqual({ ready: true }));
    it('G-03 ModelReady says whether a model is ready', async () => {
      expect(await grpc('ModelReady', { name: 'types' })).toEqual({ ready: true });
      expect(await grpc('ModelReady', { name: 'nobody' })).toEqual({ ready: false });
    });
    it('G-04 ModelReady takes a version', async () => {
      expect(await grpc('ModelReady', { name: 'plus', version: 'two' })).toEqual({ ready: true });
      expect(await grpc('ModelReady', { name: 'plus', version: '7' })).toEqual({ ready: false });
    });
    it('G-05 failure is a status other than OK', async () => expect((await failure(grpc('ModelMetadata', { name: 'nobody' }))).status).toBe('NOT_FOUND'));
  });

  describe('metadata', () => {
    it('G-06 ServerMetadata has name, version and extensions', async () => {
      const { name, version, extensions } = await grpc('ServerMetadata');
      expect([name, version]).toEqual(['assay', expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
      expect(extensions).toEqual(expect.arrayContaining(['assay_receipt', 'assay_api_key']));
    });
    it('G-07 ModelMetadata has name, versions, inputs and outputs with datatype and shape', async () => {
      const metadata = await grpc('ModelMetadata', { name: 'types' });
      expect(metadata).toMatchObject({ name: 'types', versions: ['1'] });
      expect(metadata['inputs']).toEqual(Object.entries(SIX).map(([name, { datatype }]) => ({ name, datatype, shape: ['2', '3'] })));
      expect(metadata['outputs']).toEqual(Object.entries(SIX).map(([name, { datatype }]) => ({ name: `${name}_t`, datatype, shape: ['3', '2'] })));
    });
    it('G-08 the platform is one of the names allowed', async () => expect(PLATFORMS).toContain((await grpc('ModelMetadata', { name: 'types' }))['platform']));
    it('G-09 versions lists what may be asked for; each may be', async () => {
      const { versions } = await grpc('ModelMetadata', { name: 'plus' });
      expect(versions).toEqual(['1', '2', 'one', 'two']);
      for (const version of versions as string[]) expect(await grpc('ModelReady', { name: 'plus', version })).toEqual({ ready: true });
    });
  });

  describe('inference', () => {
    it('G-10 the response names model and version', async () => expect(await grpc('ModelInfer', plusRequest({ modelVersion: 'one' }))).toMatchObject({ modelName: 'plus', modelVersion: '1' }));
    it('G-11 without a version the server chooses one, the newest here', async () => {
      const reply = await grpc('ModelInfer', plusRequest());
      expect(reply['modelVersion']).toBe('2');
      expect(floatsOf(reply['rawOutputContents'][0])).toEqual([3, 4, 5, 6]);
    });
    it('G-12 a version is that version', async () => expect(floatsOf((await grpc('ModelInfer', plusRequest({ modelVersion: '1' })))['rawOutputContents'][0])).toEqual([2, 3, 4, 5]));
    it('G-13 an unknown model or version is an error', async () => {
      expect((await failure(grpc('ModelInfer', plusRequest({ modelName: 'nobody' })))).status).toBe('NOT_FOUND');
      expect((await failure(grpc('ModelInfer', plusRequest({ modelVersion: '3' })))).status).toBe('NOT_FOUND');
    });
    it('G-14 the id of the request is in the response', async () => expect((await grpc('ModelInfer', plusRequest({ id: 'mine-42' })))['id']).toBe('mine-42'));
    it('G-15 without an id there is none', async () => expect((await grpc('ModelInfer', plusRequest()))['id']).toBe(''));
    it('G-16 inputs are known by name, in any order', async () => {
      const request = typesRequest('typed');
      const reply = await grpc('ModelInfer', { ...request, inputs: request.inputs.reverse() });
      expect(reply['outputs'][0]).toMatchObject({ name: 'f_t', contents: { fp32Contents: SIX.f.turned } });
    });
    it('G-17 a missing, unknown or doubled input is an error', async () => {
      const [x] = plusRequest().inputs;
      expect((await failure(grpc('ModelInfer', { modelName: 'plus', inputs: [] }))).status).toBe('INVALID_ARGUMENT');
      expect((await failure(grpc('ModelInfer', plusRequest({ inputs: [{ ...x, name: 'z' }] })))).status).toBe('INVALID_ARGUMENT');
      expect((await failure(grpc('ModelInfer', plusRequest({ inputs: [x, x], rawInputContents: [floatBytes(1, 2, 3, 4), floatBytes(1, 2, 3, 4)] })))).status).toBe('INVALID_ARGUMENT');
    });
    it('G-18 an input’s datatype must be the model’s', async () => expect((await failure(grpc('ModelInfer', plusRequest({ inputs: [{ name: 'x', datatype: 'INT32', shape: ['4'] }] })))).details).toContain('TENSOR_DTYPE_MISMATCH'));
    it('G-19 an input’s shape must be the model’s', async () => expect(await failure(grpc('ModelInfer', plusRequest({ inputs: [{ name: 'x', datatype: 'FP32', shape: ['2', '2'] }] })))).toMatchObject({ status: 'INVALID_ARGUMENT', details: expect.stringContaining('[4], not [2,2]') }));
    it('G-20 without requested outputs all are returned', async () => expect((await grpc('ModelInfer', typesRequest('raw')))['outputs'].map((o: { name: string }) => o.name)).toEqual(Object.keys(SIX).map((name) => `${name}_t`)));
    it('G-21 with requested outputs those are returned, and no other', async () => {
      const reply = await grpc('ModelInfer', { ...typesRequest('raw'), outputs: [{ name: 'l_t' }, { name: 'u_t' }] });
      expect(reply['outputs'].map((o: { name: string }) => o.name)).toEqual(['l_t', 'u_t']);
      expect(reply['rawOutputContents']).toHaveLength(2);
      expect((await failure(grpc('ModelInfer', { ...typesRequest('raw'), outputs: [{ name: 'z' }] }))).status).toBe('INVALID_ARGUMENT');
    });
    it('G-22 parameters of request, inputs and outputs are taken; unknown ones are another server’s', async () => {
      const parameters = { flag: { boolParam: true }, number: { int64Param: '5' }, text: { stringParam: 'x' } };
      const [x] = plusRequest().inputs;
      expect((await grpc('ModelInfer', plusRequest({ parameters, inputs: [{ ...x, parameters }], outputs: [{ name: 'y', parameters }] })))['outputs']).toHaveLength(1);
    });
    it('G-23 the response has parameters of its own', async () => expect((await grpc('ModelInfer', plusRequest()))['parameters']['assay_job_id']).toMatchObject({ stringParam: expect.stringMatching(/^0x[0-9a-f]{64}$/) }));
  });

  describe('tensor data', () => {
    it('G-24 raw contents: one per input in the order of the inputs, row-major', async () => {
      const reply = await grpc('ModelInfer', typesRequest('raw'));
      expect(floatsOf(reply['rawOutputContents'][0])).toEqual(SIX.f.turned);
      expect([...new BigInt64Array(new Uint8Array(reply['rawOutputContents'][4]).buffer)].map(String)).toEqual(SIX.l.turned);
    });
    it('G-25 raw contents must have the size of shape and datatype', async () => expect(await failure(grpc('ModelInfer', plusRequest({ rawInputContents: [floatBytes(1, 2, 3)] })))).toMatchObject({ status: 'INVALID_ARGUMENT', details: expect.stringContaining('TENSOR_DATA_MISMATCH') }));
    it('G-26 raw contents must be there for each input', async () => expect((await failure(grpc('ModelInfer', { ...typesRequest('raw'), rawInputContents: [SIX.f.raw] }))).status).toBe('INVALID_ARGUMENT'));
    it('G-27 raw contents and typed contents exclude each other', async () => expect((await failure(grpc('ModelInfer', { ...typesRequest('typed'), rawInputContents: Object.values(SIX).map(({ raw }) => raw) }))).status).toBe('INVALID_ARGUMENT'));
    it.each(Object.entries(SIX))('G-28 typed contents, input %s: the field of its datatype', async (name, { turned }) => {
      const reply = await grpc('ModelInfer', { ...typesRequest('typed'), outputs: [{ name: `${name}_t` }] });
      expect(Object.values(reply['outputs'][0].contents as Record<string, unknown[]>).filter((values) => values.length > 0)).toEqual([turned]);
    });
    it('G-29 typed contents must have as many elements as the shape', async () => expect((await failure(grpc('ModelInfer', typesRequest('typed', { f: { contents: { fp32Contents: [1, 2] } } })))).status).toBe('INVALID_ARGUMENT'));
    it('G-30 typed contents in another datatype’s field are an error', async () => expect((await failure(grpc('ModelInfer', typesRequest('typed', { f: { contents: { fp64Contents: [1, 2, 3, 4, 5, 6] } } })))).details).toContain('fp32_contents'));
    it('G-31 an element that its datatype cannot hold is an error', async () => expect((await failure(grpc('ModelInfer', typesRequest('typed', { s: { contents: { intContents: [1, 2, 3, 4, 5, 128] } } })))).status).toBe('INVALID_ARGUMENT'));
    it('G-32 FP16 travels raw, and not otherwise', async () => {
      const halves = Buffer.from(Uint16Array.of(0x3c00, 0x4000, 0xc200, 0x0001).buffer);
      const inputs = [{ name: 'x', datatype: 'FP16', shape: ['4'] }];
      expect(floatsOf((await grpc('ModelInfer', plusRequest({ inputs, rawInputContents: [halves] })))['rawOutputContents'][0])).toEqual([3, 4, -1, 2 + 2 ** -24].map(Math.fround));
      expect((await failure(grpc('ModelInfer', { modelName: 'plus', inputs: [{ ...inputs[0], contents: { fp32Contents: [1, 2, 3, 4] } }] }))).details).toContain('must be sent raw');
    });
    it('G-33 FP16 and BF16 go back raw when asked for', async () => {
      for (const [datatype, bits] of [['FP16', [0x4200, 0x4400, 0x4500, 0x4600]], ['BF16', [0x4040, 0x4080, 0x40a0, 0x40c0]]] as const) {
        const reply = await grpc('ModelInfer', { modelName: 'plus', inputs: [{ name: 'x', datatype: 'FP32', shape: ['4'], contents: { fp32Contents: [1, 2, 3, 4] } }], outputs: [{ name: 'y', parameters: { assay_datatype: { stringParam: datatype } } }] });
        expect(reply['outputs'][0]).toMatchObject({ datatype, contents: null });
        expect([...new Uint16Array(new Uint8Array(reply['rawOutputContents'][0]).buffer)]).toEqual(bits);
      }
    });
    it('G-34 BF16 raw is widened', async () => expect(floatsOf((await grpc('ModelInfer', plusRequest({ inputs: [{ name: 'x', datatype: 'BF16', shape: ['4'] }], rawInputContents: [Buffer.from(Uint16Array.of(0x3f80, 0x4000, 0xc040, 0x4080).buffer)] })))['rawOutputContents'][0])).toEqual([3, 4, -1, 6]));
    it('G-35 BYTES: typed, or raw with each element after its length', async () => {
      const rows = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 255])];
      const typed = await grpc('ModelInfer', { ...typesRequest('typed', { u: { datatype: 'BYTES', shape: ['2'], contents: { bytesContents: rows } } }), outputs: [{ name: 'u_t' }] });
      expect(typed['outputs'][0].contents.uintContents).toEqual(SIX.u.turned);
      const request = typesRequest('raw', { u: { datatype: 'BYTES', shape: ['2'] } });
      request.rawInputContents![1] = Buffer.concat(rows.flatMap((row) => [Buffer.from([3, 0, 0, 0]), row]));
      const raw = await grpc('ModelInfer', { ...request, outputs: [{ name: 'u_t' }] });
      expect([...raw['rawOutputContents'][0]]).toEqual(SIX.u.turned);
      request.rawInputContents![1] = Buffer.from([9, 0, 0, 0, 1]);
      expect((await failure(grpc('ModelInfer', request))).status).toBe('INVALID_ARGUMENT');
    });
    it('G-36 outputs are raw or typed, never both', async () => {
      const raw = await grpc('ModelInfer', typesRequest('raw'));
      expect(raw['rawOutputContents']).toHaveLength(6);
      expect(raw['outputs'].every((output: { contents: unknown }) => output.contents === null)).toBe(true);
      const typed = await grpc('ModelInfer', typesRequest('typed'));
      expect(typed['rawOutputContents']).toEqual([]);
      expect(typed['outputs'].every((output: { contents: unknown }) => output.contents !== null)).toBe(true);
    });
    it('G-37 a datatype outside the table is an error', async () => expect((await failure(grpc('ModelInfer', plusRequest({ inputs: [{ name: 'x', datatype: 'FLOAT', shape: ['4'] }] })))).status).toBe('INVALID_ARGUMENT'));
  });

  describe('what Triton adds', () => {
    it('T-01 ModelStreamInfer answers in order; an error leaves the stream open', async () => {
      const call = setting().stream();
      const replies: Record<string, any>[] = [];
      const ended = new Promise<void>((resolve, reject) => call.on('data', (reply) => replies.push(reply)).on('end', resolve).on('error', reject));
      for (const id of ['a', 'b', 'c']) call.write(plusRequest({ id, ...(id === 'b' ? { modelName: 'nobody' } : {}) }));
      call.end();
      await ended;
      expect(replies.map((reply) => reply['inferResponse'].id)).toEqual(['a', 'b', 'c']);
      expect(replies.map((reply) => reply['errorMessage'].split(':')[0])).toEqual(['', 'MODEL_UNKNOWN', '']);
    });
    it('T-02 RepositoryIndex lists every model and version', async () => {
      const { models } = await grpc('RepositoryIndex', { ready: true });
      expect((models as { name: string; version: string; state: string }[]).map(({ name, version, state }) => [name, version, state])).toEqual([['plus', '1', 'READY'], ['plus', '2', 'READY'], ['types', '1', 'READY']]);
    });
    it('T-03 ModelConfig has the tensors', async () => {
      const { config } = await grpc('ModelConfig', { name: 'plus' });
      expect(config).toMatchObject({ name: 'plus', maxBatchSize: 0, backend: 'onnxruntime', input: [{ name: 'x', dataType: 'TYPE_FP32', dims: ['4'] }], output: [{ name: 'y', dataType: 'TYPE_FP32', dims: ['4'] }] });
    });
    it('T-04 ModelStatistics counts', async () => {
      const before = Number((await grpc('ModelStatistics', { name: 'plus', version: '1' }))['modelStats'][0].inferenceCount);
      await grpc('ModelInfer', plusRequest({ modelVersion: '1' }));
      const after = (await grpc('ModelStatistics', { name: 'plus', version: '1' }))['modelStats'][0];
      expect(Number(after.inferenceCount)).toBe(before + 1);
      expect(Number(after.inferenceStats.success.ns)).toBeGreaterThan(0);
    });
    it('T-05 options that would change the answer and are not offered are refused', async () => {
      expect((await failure(grpc('ModelInfer', plusRequest({ parameters: { sequence_id: { int64Param: '7' } } })))).status).toBe('UNIMPLEMENTED');
      expect((await failure(grpc('ModelInfer', plusRequest({ outputs: [{ name: 'y', parameters: { classification: { int64Param: '1' } } }] })))).status).toBe('UNIMPLEMENTED');
    });
  });
}
