/**
 * The notice as it would be sent with what stands in the form: seen in a frame that may do nothing, as text, and as the
 * mail itself. The frame and the mail have addresses of their own for a while; only whoever asked for them gets them.
 */
import { createHash, randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { editText } from '../../config/edit-file.js';
import { parseConfig } from '../../config/load.js';
import { type ConfigProblem, hasErrors } from '../../config/problem.js';
import type { Config } from '../../config/schema.js';
import { renderNotice } from '../../notice/notice.js';
import { sampleFacts } from '../../notice/sample.js';
import type { Notice } from '../../notice/settings.js';
import { limits } from '../../runtime/limits.js';
import { pageFields, readForm, refuse, sendPage } from '../answers.js';
import { type Operator, operatorOf } from '../operator.js';
import { Button } from '../view/controls.js';
import { Actions, LinkButton, Panel } from '../view/display.js';
import type { SettingsPage } from './field-table.js';
import { editsOf, sentEntries } from './fields.js';
import { readFileState } from './file-state.js';
import { FormPage, type FormShown, pathOf, specsOf, typedForm } from './form-page.js';
import type { SettingsOptions } from './options.js';

interface KeptNotice {
  readonly notice: Notice;
  readonly session: string;
  readonly until: number;
}

/** The last rendered notices, in their order. */
class KeptNotices {
  readonly #kept = new Map<string, KeptNotice>();
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  keep(notice: Notice, { csrf }: Operator): string {
    const id = randomBytes(12).toString('base64url');
    this.#kept.set(id, { notice, session: csrf, until: this.#clock() + limits.settings.previewMs });
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size > limits.settings.previewsKept) this.#kept.delete(oldest);
    return id;
  }

  find(id: string, { csrf }: Operator): Notice | undefined {
    const kept = this.#kept.get(id);
    return kept?.session === csrf && this.#clock() < kept.until ? kept.notice : undefined;
  }
}

/** The mail has its style in attributes and loads nothing. No opener policy: browsers refuse it in a sandbox. */
const { 'cross-origin-opener-policy': _ofWindows, ...fields } = pageFields;
const frameFields = {
  ...fields,
  'content-security-policy':
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'self'; base-uri 'none'",
  'x-frame-options': 'SAMEORIGIN',
};

interface PreviewRoute {
  Params: { id: string };
}

export function registerNoticePreview(scope: FastifyInstance, options: SettingsOptions, page: SettingsPage): void {
  const kept = new KeptNotices(options.clock);
  const path = `${pathOf(page)}/preview`;
  scope.post(path, (request, reply) => preview(request, reply, options, page, kept));
  scope.get<PreviewRoute>(`${path}/:id/notice.html`, async (request, reply) => {
    const notice = kept.find(request.params.id, operatorOf(request));
    return notice === undefined ? refuse(reply, 404) : reply.headers(frameFields).send(notice.html);
  });
  scope.get<PreviewRoute>(`${path}/:id/notice.eml`, async (request, reply) => {
    const notice = kept.find(request.params.id, operatorOf(request));
    if (notice === undefined) return refuse(reply, 404);
    return reply
      .headers({
        ...pageFields,
        'content-type': 'message/rfc822',
        'content-disposition': 'attachment; filename="notice.eml"',
      })
      .send(notice.eml);
  });
}

/** The button in the form of the notice. */
export function PreviewButton({ page }: { readonly page: SettingsPage }) {
  return (
    <Button kind="quiet" action={`${pathOf(page)}/preview#preview`}>
      Preview
    </Button>
  );
}

async function preview(
  request: FastifyRequest,
  reply: FastifyReply,
  options: SettingsOptions,
  page: SettingsPage,
  kept: KeptNotices,
): Promise<FastifyReply> {
  const operator = operatorOf(request);
  const specs = specsOf(page);
  const entries = sentEntries(specs, readForm(request));
  const state = await readFileState(options);
  const buttons = <PreviewButton page={page} />;
  const { settings } = state;
  const entered =
    settings === undefined
      ? state
      : enteredConfig(state.text, options.live.started.file, editsOf(specs, settings, entries));
  if (entered.config === undefined) {
    const shown = typedForm(specs, entries, { kind: 'invalid', problems: entered.problems }, { state, operator });
    return sendPage(reply, 422, <FormPage page={page} shown={{ ...shown, buttons }} />);
  }
  const { notice: wanted, portal } = entered.config;
  const notice = await renderNotice(wanted, sampleFacts(portal.publicUrl === '' ? undefined : portal.publicUrl));
  const below = <NoticeView notice={notice} path={`${pathOf(page)}/preview/${kept.keep(notice, operator)}`} />;
  // The form was made from an earlier file: saving must find that out too.
  const digest = readForm(request).get('digest') ?? '';
  const shown: FormShown = {
    state: { ...state, digest },
    operator,
    content: { entries, errors: new Map() },
    problems: [],
    buttons,
    below,
  };
  return sendPage(reply, 200, <FormPage page={page} shown={shown} />, { frame: true });
}

/** The configuration as it would be with these edits; nothing is written. */
function enteredConfig(
  text: string,
  file: string,
  edits: ReturnType<typeof editsOf>,
): { readonly config: Config | undefined; readonly problems: readonly ConfigProblem[] } {
  const edited = editText(text, resolve(file), edits);
  if (edited.kind === 'edited') return parseConfig(edited.text, resolve(file));
  if (edited.kind === 'unchanged') return parseConfig(text, resolve(file));
  if (edited.kind === 'invalid' && hasErrors(edited.problems)) return { config: undefined, problems: edited.problems };
  const expected = edited.kind === 'refused' ? edited.reason : 'a file that can be read';
  return { config: undefined, problems: [{ severity: 'error', path: '', value: '', expected }] };
}

function NoticeView({ notice, path }: { readonly notice: Notice; readonly path: string }) {
  return (
    <section aria-label="Preview" id="preview">
      <h2>Preview</h2>
      <p role="status">
        This is what a recipient gets with the entries above, about a mail that never was. Nothing was saved or sent.
      </p>
      <iframe class="message-frame" title="The notice" src={`${path}/notice.html`} sandbox="" />
      <Panel heading="As text">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
        <pre class="text" tabIndex={0}>
          {notice.text}
        </pre>
      </Panel>
      <Actions>
        <LinkButton kind="quiet" href={`${path}/notice.eml`}>
          Download the mail (.eml)
        </LinkButton>
      </Actions>
      <p class="hint">
        Checksum of the mail, SHA-256: <code>{createHash('sha256').update(notice.eml).digest('hex')}</code>
      </p>
    </section>
  );
}
