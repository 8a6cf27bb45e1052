import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { readSignature, toJson, type ModelSignature } from './codec.js';
import { Prisma, type PrismaClient } from './generated/client.js';

export interface ModelRecord {
  readonly modelId: Root;
  readonly names: readonly string[];
  /** Key of the canonical file in the artifact store. */
  readonly file: string;
  readonly bytes: number;
  readonly signature: ModelSignature;
  readonly profile: Root;
  readonly registeredAt: Date;
}

export interface NewModel extends Omit<ModelRecord, 'names'> {
  readonly name: string;
}

const WITH_NAMES = { names: { orderBy: { name: 'asc' } } } as const satisfies Prisma.ModelInclude;

export class ModelStore {
  constructor(private readonly prisma: PrismaClient) {}

  /**
   * Stores a model under its id and labels it; both again change nothing.
   * @throws AssayError MODEL_NAME_TAKEN if the name labels another model
   */
  async register({ modelId, name, signature, ...rest }: NewModel): Promise<ModelRecord> {
    await this.prisma.$transaction(async (tx) => {
      await tx.model.createMany({ data: [{ id: modelId, signature: toJson(signature), ...rest }], skipDuplicates: true });
      await tx.modelName.createMany({ data: [{ name, modelId }], skipDuplicates: true });
      const label = await tx.modelName.findUniqueOrThrow({ where: { name } });
      if (label.modelId !== modelId) throw new AssayError({ code: 'MODEL_NAME_TAKEN', facts: { name, modelId: label.modelId } });
    });
    return this.byId(modelId).then((model) => model!);
  }

  async byId(modelId: Root): Promise<ModelRecord | undefined> {
    const row = await this.prisma.model.findUnique({ where: { id: modelId }, include: WITH_NAMES });
    return row ? modelRecord(row) : undefined;
  }

  async byName(name: string): Promise<ModelRecord | undefined> {
    const row = await this.prisma.model.findFirst({ where: { names: { some: { name } } }, include: WITH_NAMES });
    return row ? modelRecord(row) : undefined;
  }

  /** Oldest first, from the one after `after`; with `text`, those with a label that contains it. */
  async list(limit: number, after?: Root, text = ''): Promise<ModelRecord[]> {
    const page: Prisma.ModelFindManyArgs = after ? { cursor: { id: after }, skip: 1 } : {};
    const where: Prisma.ModelWhereInput = text === '' ? {} : { names: { some: { name: { contains: likeText(text), mode: 'insensitive' } } } };
    const rows = await this.prisma.model.findMany({ ...page, where, orderBy: OLDEST_FIRST, take: limit, include: WITH_NAMES });
    return rows.map(modelRecord);
  }

  /** The models labelled `name` or `name:tag`, oldest first, as many as `limit`. */
  async under(name: string, limit: number): Promise<ModelRecord[]> {
    const where: Prisma.ModelWhereInput = { names: { some: { OR: [{ name }, { name: { startsWith: likeText(`${name}:`) } }] } } };
    const rows = await this.prisma.model.findMany({ where, orderBy: OLDEST_FIRST, take: limit, include: WITH_NAMES });
    return rows.map(modelRecord);
  }

  /** One more label; the same again changes nothing. @throws AssayError MODEL_NAME_TAKEN if it labels another model */
  async label(modelId: Root, name: string): Promise<ModelRecord> {
    await this.prisma.modelName.createMany({ data: [{ name, modelId }], skipDuplicates: true });
    const label = await this.prisma.modelName.findUniqueOrThrow({ where: { name } });
    if (label.modelId !== modelId) throw new AssayError({ code: 'MODEL_NAME_TAKEN', facts: { name, modelId: label.modelId } });
    return this.byId(modelId).then((model) => model!);
  }
}

const OLDEST_FIRST: Prisma.ModelOrderByWithRelationInput[] = [{ registeredAt: 'asc' }, { id: 'asc' }];

/** WHY: in a pattern of LIKE these stand for any text, and an underscore is usual in names. */
function likeText(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

function modelRecord(row: Prisma.ModelGetPayload<{ include: typeof WITH_NAMES }>): ModelRecord {
  return {
    modelId: row.id as Root,
    names: row.names.map((label) => label.name),
    file: row.file,
    bytes: row.bytes,
    signature: readSignature(row.signature),
    profile: row.profile as Root,
    registeredAt: row.registeredAt,
  };
}
