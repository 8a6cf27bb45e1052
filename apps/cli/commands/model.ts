import { readFile, writeFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { compileModel, hasExternalData, type CanonicalModel } from '#core/onnx';
import { AssayError } from '#core/protocol';
import { dataBeside } from '#io/inference';
import { withAssay, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { isSampleModel, sampleFile } from '../sample-models.js';
import { table } from '../terminal.js';

type Dims = Record<string, number>;

interface CompileOptions {
  readonly dim: Dims;
  readonly out?: string;
}

interface AddOptions extends PlaceOptions {
  readonly dim: Dims;
  readonly name?: string;
}

const DIM = ['--dim <name=size>', 'size of a dimension that the file leaves open; as often as needed', collectDim, {}] as const;

export function addModel(program: Command, perform: Perform): void {
  const model = program.command('model').description('Compile models to canonical form, register and list them.');
  model
    .command('compile <file>')
    .description('Bring an ONNX file into canonical form and report what became of it. "mnist" and "squeezenet" name the sample models.')
    .option(...DIM)
    .option('--out <file>', 'write the canonical file there')
    .addHelpText('after', '\nExamples:\n  assay model compile model.onnx --dim batch=1 --out canonical.onnx\n  assay model compile mnist --json')
    .action((file: string, options: CompileOptions, command: Command) =>
      perform(command, async (terminal) => {
        const compiled = await compileFile(file, options.dim);
        if (options.out) await writeFile(options.out, compiled.onnx);
        const document = { ...summary(compiled), ...(options.out ? { file: options.out } : {}) };
        terminal.result(document, compiledText(compiled, options.out));
      }),
    );
  withPlace(model.command('add <file>'))
    .description('Register a model with the coordinator; an ordinary ONNX file is compiled there.')
    .option('--name <label>', 'label for it; else the file’s name')
    .option(...DIM)
    .addHelpText('after', '\nExample:\n  assay model add squeezenet')
    .action((file: string, options: AddOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const added = await assay.register({ name: options.name ?? labelOf(file), ...(await readToRegister(file, options.dim)) });
          terminal.result(added, `${added.modelId}  ${added.names.join(', ')}  (${added.bytes} bytes)`);
        }),
      ),
    );
  withPlace(model.command('list'))
    .description('Models that the coordinator knows.')
    .addHelpText('after', '\nExample:\n  assay model list')
    .action((options: PlaceOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const models = await assay.client.models();
          terminal.result({ models }, models.length === 0 ? 'no models' : table(['model', 'names', 'bytes', 'inputs'], models.map((m) => [m.modelId, m.names.join(', '), m.bytes, m.inputs.map((i) => `${i.name} ${i.dtype}[${i.dims}]`).join('; ')])));
        }),
      ),
    );
}

async function compileFile(file: string, dims: Dims): Promise<CanonicalModel> {
  const bytes = await readModel(file);
  return compileModel(bytes, { dims, ...(isSampleModel(file) ? {} : { external: dataBeside(file) }) });
}

/** The file as it is; one whose data lies beside it is compiled here, as only here the other files are. */
async function readToRegister(file: string, dims: Dims): Promise<{ file: Uint8Array; dims: Dims }> {
  const bytes = await readModel(file);
  if (isSampleModel(file) || !hasExternalData(bytes)) return { file: bytes, dims };
  return { file: (await compileFile(file, dims)).onnx, dims: {} };
}

async function readModel(file: string): Promise<Uint8Array> {
  if (isSampleModel(file)) return sampleFile(file);
  return readFile(file).catch((cause: unknown) => {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} cannot be read`, facts: { file }, cause });
  });
}

/** The file's name without folder and ending. */
function labelOf(file: string): string {
  return file.split(/[\\/]/).at(-1)!.replace(/\.onnx$/, '');
}

function collectDim(text: string, dims: Dims): Dims {
  const [, name, size] = /^(.+)=(\d{1,10})$/.exec(text) ?? [];
  if (!name) throw new InvalidArgumentError(`"${text}" is not name=size`);
  return { ...dims, [name]: Number(size) };
}

function summary({ manifest, report, onnx }: CanonicalModel) {
  const { modelId, graphRoot, weightsRoot, signatureRoot, profile, valueCount, signature } = manifest;
  return { modelId, graphRoot, weightsRoot, signatureRoot, profile, valueCount, signature, bytes: onnx.length, report };
}

function compiledText(model: CanonicalModel, out: string | undefined): string {
  const { manifest, report } = model;
  const counts = (operators: Readonly<Record<string, number>>) => Object.entries(operators).map(([name, n]) => `${name} ${n}`).join(', ');
  const tensors = (list: CanonicalModel['manifest']['signature']['inputs']) => list.map((t) => `${t.name} ${t.dtype}[${t.dims}]`).join('; ');
  const { inputs, outputs, initializers, casts } = report.widened;
  const widened = [...inputs, ...outputs, ...(initializers ? [`${initializers} constants`] : []), ...(casts ? [`${casts} Casts`] : [])].join(', ');
  const rows = [
    ['model id', manifest.modelId],
    ['graph', manifest.graphRoot],
    ['weights', `${manifest.weightsRoot} (${report.weightBytes} bytes)`],
    ['signature', manifest.signatureRoot],
    ['profile', manifest.profile],
    ['inputs', tensors(manifest.signature.inputs)],
    ['outputs', tensors(manifest.signature.outputs)],
    ['source', counts(report.sourceOperators)],
    ['canonical', `${report.nodes} nodes: ${counts(report.operators)}`],
    ...(widened === '' ? [] : [['widened', `float16 to float32: ${widened}`]]),
    ['trace', `${report.traceBytes} bytes, longest chain ${report.maxSteps} steps`],
    ['worst dispute', `${report.worstDispute.moves} moves, in ${report.worstDispute.operator} (value ${report.worstDispute.value})`],
    ...(out ? [['written to', out]] : []),
  ];
  return rows.map(([name, value]) => `${name!.padEnd(14)} ${value}`).join('\n');
}
