/** The monitoring port: /metrics for Prometheus, /healthz (the process lives) and /readyz (it can do its work). Read-only and without mail data. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

export interface Readiness {
  readonly ready: boolean;
  /** one entry per thing that can fail, with `ok` or what is wrong */
  readonly checks: Readonly<Record<string, string>>;
}

export interface StatusServerOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  readiness(): Readiness;
  /** called before each scrape, to set the gauges that are read from somewhere */
  refresh(): void;
}

/** Listens at once; resolves with the server and its port. */
export function startStatusServer(options: StatusServerOptions): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(`${error instanceof Error ? error.message : 'failed'}\n`);
    });
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 5000;
  server.maxConnections = 100;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 });
    });
  });
}

async function answer(options: StatusServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('cache-control', 'no-store');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.statusCode = 405;
    response.setHeader('allow', 'GET, HEAD');
    response.end();
    return;
  }
  const path = (request.url ?? '').split('?', 1)[0];
  if (path === '/healthz') {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.end('ok\n');
  } else if (path === '/readyz') {
    const readiness = options.readiness();
    response.statusCode = readiness.ready ? 200 : 503;
    response.setHeader('content-type', 'application/json');
    response.end(`${JSON.stringify(readiness)}\n`);
  } else if (path === '/metrics') {
    options.refresh();
    response.setHeader('content-type', options.registry.contentType);
    response.end(await options.registry.metrics());
  } else {
    response.statusCode = 404;
    response.end('not found: try /metrics, /healthz or /readyz\n');
  }
}
