import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { hasExternalData, type CanonicalModel } from '#core/onnx';
import { PROJECT_ROOT } from '#testing';
import { compileFile, modelFiles, nameOf, readModel, type Dims } from '../model-files.js';
import { countsText, namedWorstDispute, reportModels, reportText, widenedText } from '../model-report.js';
import { withAssay, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { isSampleModel } from '../sample-models.js';
import type { Terminal } from '../terminal.js';
import { addFinding } from './model-finding.js';

interface CompileOptions {
  readonly dim: Dims;
  readonly out?: string;
}

interface AddOptions extends PlaceOptions {
  readonly dim: Dims;
  readonly name?: string;
}

interface ReportCommandOptions {
  readonly dim: Dims;
  readonly seed: number;
  readonly samples: number;
  readonly seconds: number;
}

const DIM = ['--dim <name=size>', 'size of a dimension that the file leaves open; as often as needed', collectDim, {}] as const;

export function addModel(program: Command, perform: Perform): void {
  const model = program.command('model').description('Compile models to canonical form, register, find and tag them.');
  model
    .command('compile <file>')
    .description('Bring an ONNX file into canonical form and report what became of it. "mnist" and "squeezenet" name the sample models.')
    .option(...DIM)
    .option('--out <file>', 'write the canonical file there')
    .addHelpText('after', '\nExamples:\n  assay model compile model.onnx --dim batch=1 --out canonical.onnx\n  assay model compile mnist --json')
    .action((file: string, options: CompileOptions, command: Command) =>
      perform(command, async (terminal) => {
        const compiled = await compileFile(file, options.dim, terminal.bar('compile'));
        if (options.out) await writeFile(options.out, compiled.onnx);
        const document = { ...summary(compiled), ...(options.out ? { file: options.out } : {}) };
        terminal.result(document, compiledText(compiled, options.out));
      }),
    );
  model
    .command('report [files...]')
    .description('Compile models and set each beside its original: operators, differences, cost, and the dispute that costs most. Folders stand for the model.onnx in them or in the folders there.')
    .option('--dim <name=size>', 'size of a dimension that models leave open, where they have it; others are 1', collectDim, {})
    .option('--seed <n>', 'seed of the sample inputs', whole, 1)
    .option('--samples <n>', 'sample inputs that outputs are compared on', whole, 3)
    .option('--seconds <n>', 'time to measure each model for', whole, 2)
    .addHelpText('after', '\nExample:\n  assay model report ~/models --dim T=64')
    .action((files: readonly string[], { dim: dims, ...options }: ReportCommandOptions, command: Command) =>
      perform(command, async (terminal) => {
        const reported = await reportModels(modelFiles(files.length > 0 ? files : [join(PROJECT_ROOT, 'models')]), { dims, ...options }, terminal.progress);
        terminal.result(reported, reportText(reported));
      }),
    );
  withPlace(model.command('add <file>'))
    .description('Register a model with the coordinator; an ordinary ONNX file is compiled there. An upload that broke off goes on from where it was.')
    .option('--name <label>', 'label for it; else the file’s name')
    .option(...DIM)
    .addHelpText('after', '\nExample:\n  assay model add squeezenet')
    .action((file: string, options: AddOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const added = await assay.register({ name: options.name ?? nameOf(file), ...(await readToRegister(file, options.dim, terminal)), onProgress: terminal.bar('upload') });
          terminal.result(added, `${added.modelId}  ${added.names.join(', ')}  (${added.bytes} bytes)`);
        }),
      ),
    );
  addFinding(model, perform);
}

/** The file as it is; one whose data lies beside it is compiled here, as only here the other files are. */
async function readToRegister(file: string, dims: Dims, terminal: Terminal): Promise<{ file: Uint8Array; dims: Dims }> {
  const bytes = await readModel(file);
  if (isSampleModel(file) || !hasExternalData(bytes)) return { file: bytes, dims };
  return { file: (await compileFile(file, dims, terminal.bar('compile'))).onnx, dims: {} };
}

function collectDim(text: string, dims: Dims): Dims {
  const [, name, size] = /^(.+)=(\d{1,10})$/.exec(text) ?? [];
  if (!name) throw new InvalidArgumentError(`"${text}" is not name=size`);
  return { ...dims, [name]: Number(size) };
}

function whole(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError(`"${text}" is not a whole number above 0`);
  return Number(text);
}

function summary(model: CanonicalModel) {
  const { manifest, report, onnx } = model;
  const { modelId, graphRoot, weightsRoot, signatureRoot, profile, valueCount, signature } = manifest;
  return { modelId, graphRoot, weightsRoot, signatureRoot, profile, valueCount, signature, bytes: onnx.length, report: { ...report, worstDispute: namedWorstDispute(model) } };
}

function compiledText(model: CanonicalModel, out: string | undefined): string {
  const { manifest, report } = model;
  const tensors = (list: CanonicalModel['manifest']['signature']['inputs']) => list.map((t) => `${t.name} ${t.dtype}[${t.dims}]`).join('; ');
  const worst = namedWorstDispute(model);
  const widened = widenedText(report.widened);
  const rows = [
    ['model id', manifest.modelId],
    ['graph', manifest.graphRoot],
    ['weights', `${manifest.weightsRoot} (${report.weightBytes} bytes)`],
    ['signature', manifest.signatureRoot],
    ['profile', manifest.profile],
    ['inputs', tensors(manifest.signature.inputs)],
    ['outputs', tensors(manifest.signature.outputs)],
    ['source', countsText(report.sourceOperators)],
    ['canonical', `${report.nodes} nodes: ${countsText(report.operators)}`],
    ...(widened === '' ? [] : [['widened', `float16 to float32: ${widened}`]]),
    ['trace', `${report.traceBytes} bytes, longest chain ${report.maxSteps} steps`],
    ['worst dispute', `${worst.moves.length} moves, at most ${worst.gasBound} gas with the settlement, in ${worst.operator} (${worst.name})`],
    ...(out ? [['written to', out]] : []),
  ];
  return rows.map(([name, value]) => `${name!.padEnd(14)} ${value}`).join('\n');
}
