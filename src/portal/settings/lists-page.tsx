/** The routes of the lists: entries come and go one by one, so a file that changed meanwhile is no obstacle. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { listEdits } from '../../config/edit-lists.js';
import { listFields } from '../../config/schema-policy.js';
import { explainAddress } from '../../policy/explain-address.js';
import { limits } from '../../runtime/limits.js';
import { readForm, sendPage } from '../answers.js';
import { actorOf, operatorOf } from '../operator.js';
import { listRules } from './field-table.js';
import { readFileState } from './file-state.js';
import { takeForm } from './form-page.js';
import { ListFileCounts } from './list-files.js';
import { type ListLook, ListsPage, type ListsShown, listsPath, lookPath } from './list-view.js';
import type { SettingsOptions } from './options.js';
import { byField, type Outcome, problemText, saveSettings } from './saving.js';

/** characters of a search or an address that are looked at */
const askedCharacters = 320;

export function registerLists(scope: FastifyInstance, options: SettingsOptions): void {
  const pages = new ListPages(options);
  const bodyLimit = limits.settings.listFormBytes;
  scope.get(listsPath, (request, reply) => pages.show(request, reply));
  scope.post(`${listsPath}/add`, { bodyLimit }, (request, reply) => pages.add(request, reply));
  scope.post(`${listsPath}/remove`, { bodyLimit }, (request, reply) => pages.remove(request, reply));
  scope.post(`${listsPath}/rules`, (request, reply) => pages.rules(request, reply));
}

function lookOf(asked: URLSearchParams): ListLook {
  const text = (name: string) => (asked.get(name) ?? '').slice(0, askedCharacters);
  const page = Number(asked.get('page') ?? '1');
  const field = listFields.find((name) => name === asked.get('field')) ?? '';
  return {
    list: asked.get('list') === 'allow' ? 'allow' : 'block',
    search: text('q').trim(),
    page: Number.isSafeInteger(page) && page > 0 ? page : 1,
    test: text('test').trim(),
    field,
  };
}

class ListPages {
  readonly #options: SettingsOptions;
  readonly #counts = new ListFileCounts();

  constructor(options: SettingsOptions) {
    this.#options = options;
  }

  async show(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const look = lookOf(new URL(request.url, 'http://localhost').searchParams);
    const flash = this.#options.flashes.of(request, operatorOf(request));
    return sendPage(reply, 200, <ListsPage {...(await this.#shown(request, look))} flash={flash} />);
  }

  async add(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = readForm(request);
    const look = lookOf(form);
    const typed = form.get('entries') ?? '';
    const entries = typed
      .split(/[\r\n,]+/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
    return this.#change(request, reply, look, { add: entries }, typed);
  }

  async remove(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = readForm(request);
    return this.#change(request, reply, lookOf(form), { remove: form.getAll('entry') }, undefined);
  }

  async rules(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const look = lookOf(readForm(request));
    const taken = await takeForm(this.#options, request, listRules);
    if (taken.kind === 'told') return this.#options.flashes.redirect(request, reply, lookPath(look), taken.flash);
    const { content, problems } = taken.shown;
    const shown = { ...(await this.#shown(request, look)), rules: content, problems };
    return sendPage(reply, taken.status, <ListsPage {...shown} />);
  }

  async #change(
    request: FastifyRequest,
    reply: FastifyReply,
    look: ListLook,
    change: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
    typed: string | undefined,
  ): Promise<FastifyReply> {
    const { settings, problems } = await readFileState(this.#options);
    const edits = listEdits(settings, { list: look.list, ...change });
    const outcome: Outcome =
      settings === undefined
        ? { kind: 'invalid', problems }
        : await saveSettings(this.#options, actorOf(operatorOf(request)), edits, undefined);
    if (outcome.kind === 'told') return this.#options.flashes.redirect(request, reply, lookPath(look), outcome.flash);
    const shown = { ...(await this.#shown(request, look)), typed, ...wordsOf(outcome, look) };
    return sendPage(reply, outcome.kind === 'invalid' ? 422 : 409, <ListsPage {...shown} />);
  }

  async #shown(request: FastifyRequest, look: ListLook): Promise<ListsShown> {
    const { live } = this.#options;
    const state = await readFileState(this.#options);
    const { addresses, allowRules, decision } = live.snapshot;
    const rules = { ...allowRules, applyWithoutAttachment: decision.applyWithoutAttachment };
    const field = listFields.find((name) => name === look.field);
    return {
      state,
      operator: operatorOf(request),
      look,
      files: await this.#counts.facts(state.config ?? live.started),
      inForce: { allow: addresses.allow.count, block: addresses.block.count },
      explained: look.test === '' ? undefined : explainAddress(look.test, field, rules, addresses),
    };
  }
}

function wordsOf(
  outcome: Exclude<Outcome, { kind: 'told' }>,
  { list }: ListLook,
): Pick<ListsShown, 'error' | 'problems'> {
  if (outcome.kind === 'conflict')
    return { problems: [['', 'The file was changed at the same moment. Nothing was saved: do it again.']] };
  if (outcome.kind === 'refused') return { problems: [['', `Nothing was saved. ${outcome.reason}`]] };
  const { fields, others } = byField(outcome.problems, [`lists.${list}`]);
  const error = fields.get(`lists.${list}`);
  return {
    error,
    problems: [
      ...(error === undefined ? [] : [['entries', error] as const]),
      ...others.map((problem) => ['', `Elsewhere in the file: ${problemText(problem)}`] as const),
    ],
  };
}
