// Calls any method of a gRPC server that describes itself, as grpcurl does; knows nothing of this project.
//
//   node examples/reflection/call.mjs 127.0.0.1:50051                                  lists the services
//   node examples/reflection/call.mjs 127.0.0.1:50051 assay.v1.Network/Status '{}'    calls one
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync } from '@grpc/proto-loader';

const require = createRequire(import.meta.url);
const OPTIONS = { longs: String, enums: String, bytes: String, defaults: true };
const DEADLINE_MS = 60_000;

const [target, method, json = '{}'] = process.argv.slice(2);
if (!target) {
  console.error('usage: call.mjs HOST:PORT [SERVICE/METHOD [JSON]]');
  process.exit(2);
}

/** The one service whose definition a caller has to have: server reflection itself. */
function reflection() {
  const proto = join(dirname(require.resolve('@grpc/reflection/package.json')), 'build/proto/grpc/reflection/v1/reflection.proto');
  const { ServerReflection } = loadPackageDefinition(loadSync(proto, OPTIONS)).grpc.reflection.v1;
  return new ServerReflection(target, credentials.createInsecure());
}

/** One question, one answer. */
function ask(question) {
  return new Promise((resolve, reject) => {
    const call = client.ServerReflectionInfo({ deadline: Date.now() + DEADLINE_MS });
    call.on('data', (answer) => (answer.errorResponse?.errorMessage ? reject(new Error(answer.errorResponse.errorMessage)) : resolve(answer)));
    call.on('error', reject);
    call.write(question);
    call.end();
  });
}

/** google.protobuf.FileDescriptorSet: field 1, one file after the other. */
function descriptorSet(files) {
  const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
  return Buffer.concat(files.map((file) => Buffer.from(file, 'base64')).flatMap((file) => [Buffer.from([0x0a, ...varint(file.length)]), file]));
}

async function services() {
  const { listServicesResponse } = await ask({ listServices: '' });
  return listServicesResponse.service.map(({ name }) => name);
}

async function call(service, name) {
  const { fileDescriptorResponse } = await ask({ fileContainingSymbol: service });
  const definition = loadFileDescriptorSetFromBuffer(descriptorSet(fileDescriptorResponse.fileDescriptorProto), OPTIONS);
  const Service = service.split('.').reduce((at, part) => at?.[part], loadPackageDefinition(definition));
  const stub = new Service(target, credentials.createInsecure());
  if (!stub[name]) throw new Error(`${service} has no method ${name}`);
  return new Promise((resolve, reject) => stub[name](JSON.parse(json), { deadline: Date.now() + DEADLINE_MS }, (error, reply) => (error ? reject(error) : resolve(reply))));
}

const client = reflection();
try {
  console.log(JSON.stringify(method ? await call(...method.split('/')) : await services(), null, 2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
client.close();
setTimeout(() => process.exit(), 200);
