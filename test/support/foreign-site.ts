/** A site of somebody else's, for browsers that are signed in with us: it serves whatever page a test gives it. */
import { createServer, type Server } from 'node:http';
import type { Test } from 'tap';
import { portOf } from './ports.js';

export class ForeignSite {
  /** paths that were asked for, queries included */
  readonly asked: string[] = [];
  page = '';
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.asked.push(request.url ?? '');
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(`<!doctype html><title>Win a prize</title>${this.page}`);
    });
  }

  /** Ended with the test. */
  static async start(t: Test): Promise<ForeignSite> {
    const site = new ForeignSite();
    await new Promise<void>((resolve) => site.#server.listen(0, resolve));
    t.teardown(() => {
      site.#server.closeAllConnections();
      site.#server.close();
    });
    return site;
  }

  /** To a browser another site than 127.0.0.1. */
  get elsewhere(): string {
    return `http://localhost:${portOf(this.#server)}`;
  }

  /** To a browser the same site as our pages, on another port: cookies of SameSite go along. */
  get neighbour(): string {
    return `http://127.0.0.1:${portOf(this.#server)}`;
  }
}
