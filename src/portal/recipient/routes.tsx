/**
 * The pages that a notice links to: they show what was withheld from one recipient, and take his wishes about it. The
 * token in the link is all that they know of a visitor. They set no cookie.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { NoticeSettings } from '../../notice/settings.js';
import type { QuarantineLog } from '../../quarantine/settings.js';
import type { StoreAccess } from '../../quarantine/store-access.js';
import { tokenHash } from '../../quarantine/token-table.js';
import { notAllowed, readForm, refuse, sendPage } from '../answers.js';
import { FormGuard, isSameOrigin } from '../form-guard.js';
import { ItemPage } from './item-page.js';

export interface RecipientOptions {
  readonly store: Pick<StoreAccess, 'call'>;
  /** those of this moment; the page says what a notice says */
  readonly notice: () => NoticeSettings;
  /** address under which visitors come, empty when it is not known */
  readonly publicUrl: () => string;
  /** 32 random bytes */
  readonly formKey: Uint8Array;
  readonly clock: () => number;
  readonly log: QuarantineLog;
}

interface TokenRoute {
  Params: { token: string };
}

export function registerRecipient(app: FastifyInstance, options: RecipientOptions): void {
  const forms = new FormGuard(options.formKey);
  // HEAD comes with GET.
  app.get<TokenRoute>('/q/:token', async (request, reply) => {
    const { token } = request.params;
    const now = options.clock();
    const view = await options.store.call('personalView', tokenHash(token), now);
    if (view === undefined) return refuse(reply, 404);
    const form = { action: `${token}/request`, nonce: forms.nonce(token) };
    return sendPage(reply, 200, <ItemPage view={view} notice={options.notice()} now={now} form={form} />);
  });
  app.post<TokenRoute>('/q/:token', async (_request, reply) => notAllowed(reply, 'GET, HEAD'));
  app.post<TokenRoute>('/q/:token/request', (request, reply) => takeRequest(request, reply, options, forms));
  app.get<TokenRoute>('/q/:token/request', async (_request, reply) => notAllowed(reply, 'POST'));
}

async function takeRequest(
  request: FastifyRequest<TokenRoute>,
  reply: FastifyReply,
  options: RecipientOptions,
  forms: FormGuard,
): Promise<FastifyReply> {
  const { token } = request.params;
  const nonce = readForm(request).get('nonce') ?? '';
  if (!isSameOrigin(request.headers, options.publicUrl()) || !forms.accepts(token, nonce)) return refuse(reply, 403);
  const now = options.clock();
  const { view, asked } = await options.store.call('requestRelease', tokenHash(token), now);
  if (view === undefined) return refuse(reply, 404);
  if (asked) {
    // Of a link that readers of a mailbox share, nobody knows who used it.
    const recipient = view.mail?.recipient ?? '';
    options.log('info', 'a recipient asks for a release', {
      item: view.item,
      addresses: recipient === '' ? [] : [recipient],
    });
  }
  // Shown at once and not by a redirect, whose address would carry the token.
  return sendPage(reply, 200, <ItemPage view={view} notice={options.notice()} now={now} form={undefined} />);
}
