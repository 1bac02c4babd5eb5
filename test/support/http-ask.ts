/** One HTTP request with exactly the given target, fields and octets: fetch would mend some of these. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpAsking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

export const formType = { 'content-type': 'application/x-www-form-urlencoded' };

/** @param target goes onto the request line as it is */
export function ask(origin: string, target: string, asking: HttpAsking = {}): Promise<HttpAnswer> {
  const { hostname, port } = new URL(origin);
  const { method = 'GET', headers = {}, body } = asking;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: hostname, port, path: target, method, headers: headers as Record<string, string>, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { statusCode = 0, headers: fields } = response;
          resolve({ status: statusCode, headers: fields, body: Buffer.concat(chunks).toString('utf8') });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** A form as a browser sends it. */
export function submit(
  origin: string,
  target: string,
  fields: Readonly<Record<string, string>>,
  headers: HttpAsking['headers'] = {},
): Promise<HttpAnswer> {
  const body = new URLSearchParams(fields).toString();
  return ask(origin, target, { method: 'POST', headers: { ...formType, ...headers }, body });
}
