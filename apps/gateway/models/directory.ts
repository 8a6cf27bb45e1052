import { AssayError } from '#core/protocol';
import type { ModelView, NetworkStatus, Page } from '#io/rpc';

/** What the directory needs from the coordinator. */
export interface DirectorySource {
  models(page: { limit: number; pageToken?: string | undefined }): Promise<Page<ModelView>>;
  status(): Promise<NetworkStatus>;
}

/** One model under one name. */
export interface NamedModel {
  readonly name: string;
  /** Index from 1 among the models under this name, oldest first. */
  readonly version: string;
  /** Every version that may be asked for: indices, then tags. */
  readonly versions: readonly string[];
  readonly model: ModelView;
}

interface Snapshot {
  readonly models: readonly ModelView[];
  readonly status: NetworkStatus;
}

const PAGE = 100;
const MAX_MODELS = 10_000;
const FRESH_MS = 1_000;

/**
 * Names and versions over the coordinator's labels. The models under a name are the one labelled `name` and those labelled
 * `name:tag`; a version is a tag, an index, or a model id. Without one it is the model labelled `name`, else the newest.
 */
export class ModelDirectory {
  private snapshot: Promise<Snapshot> | undefined;
  private takenAt = -Infinity;

  constructor(
    private readonly source: DirectorySource,
    private readonly now: () => number,
  ) {}

  /** @throws AssayError MODEL_UNKNOWN, COORDINATOR_UNREACHABLE */
  async find(name: string, version: string): Promise<NamedModel> {
    const found = pick((await this.read()).models, name, version) ?? pick((await this.read(0)).models, name, version);
    if (!found) throw new AssayError({ code: 'MODEL_UNKNOWN', message: version ? `there is no version ${version} of a model ${name}` : `there is no model ${name}`, facts: { name, ...(version ? { version } : {}) } });
    return found;
  }

  /** Every model under every name. */
  async all(): Promise<NamedModel[]> {
    const { models } = await this.read();
    const names = new Set(models.flatMap((model) => model.names.map(nameOf)));
    return [...names].sort().flatMap((name) => under(models, name).map((model) => named(models, name, model)));
  }

  /** An executor is present that computes the model's profile. */
  async isReady({ model }: NamedModel): Promise<boolean> {
    return (await this.status()).peers.some((peer) => peer.role === 'executor' && peer.profile === model.profile);
  }

  /** The coordinator answers and an executor is present. */
  async serverReady(): Promise<boolean> {
    const status = await this.status().catch(() => undefined);
    return status !== undefined && status.peers.some((peer) => peer.role === 'executor');
  }

  /** False too for a model that nobody knows. */
  async modelReady(name: string, version: string): Promise<boolean> {
    try {
      return await this.isReady(await this.find(name, version));
    } catch (error) {
      if (error instanceof AssayError && error.code === 'MODEL_UNKNOWN') return false;
      throw error;
    }
  }

  async status(): Promise<NetworkStatus> {
    return (await this.read()).status;
  }

  private async read(freshMs = FRESH_MS): Promise<Snapshot> {
    if (!this.snapshot || this.now() - this.takenAt > freshMs) {
      this.takenAt = this.now();
      this.snapshot = this.take();
      this.snapshot.catch(() => (this.takenAt = -Infinity));
    }
    return this.snapshot;
  }

  private async take(): Promise<Snapshot> {
    const status = await this.source.status();
    const models: ModelView[] = [];
    let pageToken: string | undefined;
    do {
      const page = await this.source.models({ limit: PAGE, pageToken });
      models.push(...page.items);
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined && models.length < MAX_MODELS);
    return { models, status };
  }
}

function pick(models: readonly ModelView[], name: string, version: string): NamedModel | undefined {
  const candidates = under(models, name);
  const model = version === '' ? (candidates.find((m) => m.names.includes(name)) ?? candidates.at(-1)) : ofVersion(candidates, name, version);
  if (model) return named(models, name, model);
  // A model id is a name too.
  const byId = models.find((m) => m.modelId === name.toLowerCase());
  return byId && (version === '' || version === '1') ? { name, version: '1', versions: ['1'], model: byId } : undefined;
}

function ofVersion(candidates: readonly ModelView[], name: string, version: string): ModelView | undefined {
  return candidates.find((m) => m.names.includes(`${name}:${version}`)) ?? (/^[1-9]\d{0,8}$/.test(version) ? candidates[Number(version) - 1] : undefined) ?? candidates.find((m) => m.modelId === version.toLowerCase());
}

/** Oldest first, as the coordinator lists them. */
function under(models: readonly ModelView[], name: string): ModelView[] {
  return models.filter((model) => model.names.some((label) => label === name || nameOf(label) === name));
}

function named(models: readonly ModelView[], name: string, model: ModelView): NamedModel {
  const all = under(models, name);
  const tags = all.flatMap((m) => m.names.flatMap((label) => (label !== name && nameOf(label) === name ? [label.slice(name.length + 1)] : [])));
  return { name, version: String(all.indexOf(model) + 1), versions: [...all.map((_, i) => String(i + 1)), ...tags], model };
}

/** The label without its tag. */
function nameOf(label: string): string {
  const colon = label.lastIndexOf(':');
  return colon > 0 ? label.slice(0, colon) : label;
}
