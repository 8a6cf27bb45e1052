import type { Command } from 'commander';
import { isHex } from 'viem';
import type { Root } from '#core/hashing';
import type { Assay } from '#sdk';
import { withAssay, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { table } from '../terminal.js';

type Model = Awaited<ReturnType<Assay['model']>>;

interface ListOptions extends PlaceOptions {
  readonly page?: string;
}

/** `assay model list|search|get|versions|tag`. */
export function addFinding(model: Command, perform: Perform): void {
  withPage(model.command('list'))
    .description('Models that the coordinator knows.')
    .addHelpText('after', '\nExample:\n  assay model list')
    .action((options: ListOptions, command: Command) => page(command, perform, options, (assay) => assay.client.models({ pageToken: options.page })));
  withPage(model.command('search <text>'))
    .description('Models with a label that contains the text.')
    .addHelpText('after', '\nExample:\n  assay model search net')
    .action((text: string, options: ListOptions, command: Command) => page(command, perform, options, (assay) => assay.client.searchModels(text, { pageToken: options.page })));
  withPlace(model.command('get <model>'))
    .description('One model, by its id or a label.')
    .addHelpText('after', '\nExample:\n  assay model get mnist --json')
    .action((name: string, options: PlaceOptions, command: Command) => one(command, perform, options, (assay) => assay.model(referenceOf(name))));
  withPlace(model.command('tag <model> <label>'))
    .description('One more label for a model: a name, or name:tag for a version of that name. A label never moves to another model.')
    .addHelpText('after', '\nExample:\n  assay model tag mnist mnist:v1')
    .action((name: string, label: string, options: PlaceOptions, command: Command) => one(command, perform, options, (assay) => assay.client.tagModel(referenceOf(name), label)));
  withPlace(model.command('versions <name>'))
    .description('The models labelled with a name or name:tag, oldest first.')
    .addHelpText('after', '\nExample:\n  assay model versions mnist')
    .action((name: string, options: PlaceOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const versions = await assay.client.modelVersions(name);
          terminal.result({ versions }, table(['version', 'tags', 'model', 'registered'], versions.map(({ index, tags, model }) => [index, tags.join(', '), model.modelId, model.registeredAt.toISOString()])));
        }),
      ),
    );
}

function withPage(command: Command): Command {
  return withPlace(command).option('--page <token>', 'the page after the one that ended with this token');
}

function page(command: Command, perform: Perform, options: ListOptions, ask: (assay: Assay) => ReturnType<Assay['client']['models']>): Promise<void> {
  return perform(command, (terminal) =>
    withAssay(options, async (assay) => {
      const { items: models, nextPageToken } = await ask(assay);
      const more = nextPageToken ? `\nmore: --page ${nextPageToken}` : '';
      const rows = models.map((m) => [m.modelId, m.names.join(', '), m.bytes, tensors(m.inputs)]);
      terminal.result({ models, ...(nextPageToken ? { nextPageToken } : {}) }, `${models.length === 0 ? 'no models' : table(['model', 'names', 'bytes', 'inputs'], rows)}${more}`);
    }),
  );
}

function one(command: Command, perform: Perform, options: PlaceOptions, ask: (assay: Assay) => Promise<Model>): Promise<void> {
  return perform(command, (terminal) =>
    withAssay(options, async (assay) => {
      const found = await ask(assay);
      terminal.result(found, textOf(found));
    }),
  );
}

function referenceOf(name: string): { modelId: Root } | { name: string } {
  return isHex(name) ? { modelId: name } : { name };
}

function tensors(specs: Model['inputs']): string {
  return specs.map((i) => `${i.name} ${i.dtype}[${i.dims}]`).join('; ');
}

function textOf({ modelId, names, bytes, profile, inputs, outputs, registeredAt }: Model): string {
  const rows = [['model', modelId], ['names', names.join(', ')], ['bytes', bytes], ['profile', profile], ['inputs', tensors(inputs)], ['outputs', tensors(outputs)], ['registered', registeredAt.toISOString()]];
  return rows.map(([name, value]) => `${String(name).padEnd(10)} ${value}`).join('\n');
}
