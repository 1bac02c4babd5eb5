/**
 * The pages that a notice links to: they show what was withheld from one recipient, and take his wishes about it. The
 * token in the link is all that they know of a visitor. They set no cookie.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { VNode } from 'preact';
import { shown } from '../../notice/content.js';
import type { NoticeSettings } from '../../notice/settings.js';
import type { PersonalView } from '../../quarantine/personal-view.js';
import type { QuarantineLog } from '../../quarantine/settings.js';
import type { Vault } from '../../quarantine/vault.js';
import { notAllowed, readForm, refuse, sendPage } from '../answers.js';
import { FormGuard, isSameOrigin } from '../form-guard.js';
import { sendMessageFrame } from '../preview/message-frame.js';
import type { Preview } from '../preview/preview.js';
import { ConfirmPage } from './confirm-page.js';
import { ItemPage, type ItemPageProps } from './item-page.js';
import { MessagePage } from './message-page.js';
import { type Act, outcomeTold } from './told.js';

export interface RecipientOptions {
  /** what the bearer of a link may see and do */
  readonly vault: Pick<Vault, 'personalView' | 'requestRelease' | 'releaseByToken' | 'deleteByToken'>;
  readonly preview: Preview;
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

type TokenRequest = FastifyRequest<TokenRoute>;

/** How the log tells what a recipient did. */
const events = {
  request: 'a recipient asks for a release',
  release: 'a recipient releases a message',
  delete: 'a recipient deletes a message',
} as const satisfies Readonly<Record<Act, string>>;

export function registerRecipient(app: FastifyInstance, options: RecipientOptions): void {
  const pages = new RecipientPages(options);
  // HEAD comes with GET.
  app.get<TokenRoute>('/q/:token', (request, reply) => pages.item(request, reply));
  app.get<TokenRoute>('/q/:token/message', (request, reply) => pages.message(request, reply));
  app.get<TokenRoute>('/q/:token/message/html', (request, reply) => pages.frame(request, reply));
  for (const path of ['/q/:token', '/q/:token/message', '/q/:token/message/html'])
    app.post(path, async (_request, reply) => notAllowed(reply, 'GET, HEAD'));

  app.post<TokenRoute>('/q/:token/request', (request, reply) => pages.act('request', request, reply));
  app.get('/q/:token/request', async (_request, reply) => notAllowed(reply, 'POST'));
  for (const act of ['release', 'delete'] as const) {
    app.get<TokenRoute>(`/q/:token/${act}`, (request, reply) => pages.confirm(act, request, reply));
    app.post<TokenRoute>(`/q/:token/${act}`, (request, reply) => pages.act(act, request, reply));
  }
}

class RecipientPages {
  readonly #options: RecipientOptions;
  readonly #forms: FormGuard;

  constructor(options: RecipientOptions) {
    this.#options = options;
    this.#forms = new FormGuard(options.formKey);
  }

  async item({ params: { token } }: TokenRequest, reply: FastifyReply): Promise<FastifyReply> {
    const view = await this.#options.vault.personalView(token);
    if (view === undefined) return refuse(reply, 404);
    const nonce = this.#forms.nonce(token, 'request');
    return sendPage(reply, 200, this.#itemPage({ view, base: `${token}/`, nonce }));
  }

  #itemPage(props: Pick<ItemPageProps, 'view' | 'base' | 'nonce' | 'told'>): VNode {
    return <ItemPage {...props} notice={this.#options.notice()} now={this.#options.clock()} />;
  }

  /** A page below that of the message, unless the link grants nothing or the message is gone. */
  async #heldOr(
    token: string,
    reply: FastifyReply,
    show: (view: PersonalView, mail: NonNullable<PersonalView['mail']>) => FastifyReply | Promise<FastifyReply>,
  ): Promise<FastifyReply> {
    const view = await this.#options.vault.personalView(token);
    if (view === undefined) return refuse(reply, 404);
    if (view.mail === undefined) return sendPage(reply, 200, this.#itemPage({ view, base: '', nonce: undefined }));
    return show(view, view.mail);
  }

  confirm(act: 'release' | 'delete', { params: { token } }: TokenRequest, reply: FastifyReply): Promise<FastifyReply> {
    return this.#heldOr(token, reply, (view, mail) => {
      if (!(act === 'release' ? view.mayRelease : view.mayDelete)) {
        const told = outcomeTold(act, 'refused', view);
        return sendPage(reply, 200, this.#itemPage({ view, base: '', nonce: undefined, told }));
      }
      const page = (
        <ConfirmPage
          act={act}
          form={view.form}
          mail={mail}
          notice={this.#options.notice()}
          why={view.why}
          nonce={this.#forms.nonce(token, act)}
          back={`../${token}`}
        />
      );
      return sendPage(reply, 200, page);
    });
  }

  message({ params: { token } }: TokenRequest, reply: FastifyReply): Promise<FastifyReply> {
    return this.#heldOr(token, reply, async (view, mail) => {
      const outcome = await this.#options.preview.preview(view.item);
      const page = <MessagePage outcome={outcome} mail={mail} to={shown(mail.recipient)} back={`../${token}`} />;
      return sendPage(reply, 200, page, { frame: true });
    });
  }

  /** What the frame of that page shows. */
  async frame({ params: { token } }: TokenRequest, reply: FastifyReply): Promise<FastifyReply> {
    const view = await this.#options.vault.personalView(token);
    if (view?.mail === undefined) return refuse(reply, 404);
    return sendMessageFrame(reply, await this.#options.preview.preview(view.item));
  }

  async act(act: Act, request: TokenRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { token } = request.params;
    const { vault, publicUrl, log } = this.#options;
    const nonce = readForm(request).get('nonce') ?? '';
    const ours = isSameOrigin(request.headers, publicUrl()) && this.#forms.accepts(token, nonce, act);
    if (!ours) return refuse(reply, 403);
    const answer =
      act === 'request'
        ? await vault.requestRelease(token)
        : act === 'release'
          ? await vault.releaseByToken(token)
          : await vault.deleteByToken(token);
    const { view, outcome } = answer;
    if (view === undefined) return refuse(reply, 404);
    if (outcome === 'done') {
      // Of a link that readers of a mailbox share, nobody knows who used it.
      const recipient = view.mail?.recipient ?? '';
      log('info', events[act], { item: view.item, addresses: recipient === '' ? [] : [recipient] });
    }
    // Shown at once and not by a redirect, whose address would carry the token.
    const told = outcomeTold(act, outcome, view);
    return sendPage(reply, 200, this.#itemPage({ view, base: '', nonce: undefined, told }));
  }
}
