import { create, createFileRegistry, fromBinary, fromJson, toBinary, type DescMessage, type DescMethod, type FileRegistry, type JsonValue, type Message } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Type as Type, FieldOptions_JSType, FieldOptionsSchema, FileDescriptorSetSchema, type DescriptorProto } from '@bufbuild/protobuf/wkt';
import { AssayError } from '#core/protocol';
import type { Method } from './calls.js';

const LONG: ReadonlySet<Type> = new Set([Type.INT64, Type.UINT64, Type.SINT64, Type.FIXED64, Type.SFIXED64]);

/**
 * Messages of the native interface without proto-loader, which needs a file system and code made at run time.
 * They look the same: whole numbers of 64 bits as decimal text, absent messages as null.
 */
export class WebMessages {
  private readonly registry: FileRegistry;

  /** @param image the protos as `npm run protos` writes them to proto/image.json */
  constructor(image: JsonValue) {
    const files = fromJson(FileDescriptorSetSchema, image, { ignoreUnknownFields: true });
    for (const { messageType } of files.file) messageType.forEach(longsAsText);
    this.registry = createFileRegistry(files);
  }

  /** @throws AssayError INVARIANT_BROKEN if the protos know no such method */
  method(method: Method): DescMethod {
    const [service, name] = method.split('/');
    const found = this.registry.getService(`assay.v1.${service}`)?.methods.find((one) => one.name === name);
    if (!found) throw new AssayError({ code: 'INVARIANT_BROKEN', message: `the protos have no ${method}` });
    return found;
  }

  encode({ input }: DescMethod, message: object): Uint8Array {
    return toBinary(input, create(input, message as never));
  }

  /** @throws AssayError MESSAGE_MALFORMED */
  decode({ output }: DescMethod, bytes: Uint8Array): unknown {
    try {
      return plain(output, fromBinary(output, bytes));
    } catch (cause) {
      throw new AssayError({ code: 'MESSAGE_MALFORMED', message: `not a ${output.typeName}`, cause });
    }
  }
}

function longsAsText({ field, nestedType }: DescriptorProto): void {
  for (const one of field) if (LONG.has(one.type)) (one.options ??= create(FieldOptionsSchema)).jstype = FieldOptions_JSType.JS_STRING;
  nestedType.forEach(longsAsText);
}

function plain(desc: DescMessage, message: Message): Record<string, unknown> {
  const values = message as unknown as Record<string, unknown>;
  return Object.fromEntries(
    desc.fields.map((field) => {
      const value = values[field.localName];
      if (field.fieldKind === 'list' && field.listKind === 'message') return [field.localName, (value as Message[]).map((item) => plain(field.message, item))];
      if (field.fieldKind === 'message') return [field.localName, value === undefined ? null : plain(field.message, value as Message)];
      return [field.localName, value];
    }),
  );
}
