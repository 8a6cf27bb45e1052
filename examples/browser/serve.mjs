// Serves the page, and passes its calls on to the gateway, so that page and gateway have one origin.
//
//   assay up                                   # prints the gateway's HTTP address
//   assay key create                           # prints an API key
//   node examples/browser/serve.mjs --gateway http://127.0.0.1:8000
//
// --port N: where (8080). --once: end with the page's first report, and print it (for tests).
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';

const option = (name, otherwise) => (process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : otherwise);
const gateway = option('gateway', 'http://127.0.0.1:8000');
const once = process.argv.includes('--once');
const MAX_BODY = 1024 * 1024;

const file = (path) => readFileSync(new URL(path, import.meta.url));
const FILES = {
  '/': ['text/html; charset=utf-8', file('index.html')],
  '/digits': ['application/octet-stream', file('../../data/digits/images-idx3-ubyte.gz')],
};

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_BODY) throw new Error('the request is too large');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function passOn(request, response) {
  const { authorization = '' } = request.headers;
  const headers = { authorization, 'content-type': 'application/json' };
  const body = request.method === 'POST' ? await bodyOf(request) : undefined;
  const answer = await fetch(gateway + request.url, { method: request.method, headers, body });
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
}

async function serve(request, response) {
  const known = FILES[request.url];
  if (known) return response.writeHead(200, { 'content-type': known[0] }).end(known[1]);
  if (request.url.startsWith('/v2')) return passOn(request, response);
  if (once && request.url === '/report') {
    console.log((await bodyOf(request)).toString());
    response.writeHead(204).end();
    return setTimeout(() => process.exit(0), 100);
  }
  response.writeHead(404).end();
}

const server = createServer((request, response) => {
  serve(request, response).catch((error) => response.headersSent || response.writeHead(502).end(JSON.stringify({ error: String(error) })));
});
server.listen(Number(option('port', '8080')), '127.0.0.1', () => console.error(`http://127.0.0.1:${server.address().port}/`));
