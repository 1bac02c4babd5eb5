/** Addresses of one held message and of what is done to it. What changes something is a form; the rest only looks. */
import { createReadStream } from 'node:fs';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isItemId } from '../../quarantine/item.js';
import { releaseForms } from '../../quarantine/outbox-table.js';
import type { ItemDetail } from '../../quarantine/store.js';
import { limits } from '../../runtime/limits.js';
import { notAllowed, pageFields, readForm, refuse, sendPage } from '../answers.js';
import { actorOf, operatorOf } from '../operator.js';
import { sendMessageFrame } from '../preview/message-frame.js';
import { BulkDeletePage, DeletePage } from './delete-page.js';
import { actOnAll, type BulkAct, deleteItem, denyRequest, releaseItem } from './item-actions.js';
import { ItemPage } from './item-page.js';
import { addListEntry } from './list-change.js';
import { listEntries } from './list-entries.js';
import { nextPage } from './next-page.js';
import type { ConsoleTools } from './register.js';

interface ItemRoute {
  Params: { id: string };
}
type ItemRequest = FastifyRequest<ItemRoute>;

export function registerItem(scope: FastifyInstance, tools: ConsoleTools): void {
  scope.get<ItemRoute>('/admin/quarantine/:id', (request, reply) => showItem(request, reply, tools));
  scope.get<ItemRoute>('/admin/quarantine/:id/frame', async (request, reply) => {
    const { id } = request.params;
    return isItemId(id) ? sendMessageFrame(reply, await tools.options.preview.preview(id)) : refuse(reply, 404);
  });
  scope.get<ItemRoute>('/admin/quarantine/:id/delete', async (request, reply) => {
    const detail = await detailOf(request, tools);
    if (detail === undefined) return refuse(reply, 404);
    return sendPage(reply, 200, <DeletePage detail={detail} operator={operatorOf(request)} />);
  });
  const acts = {
    release: takeRelease,
    deny: takeDenial,
    delete: takeDeletion,
    list: takeListEntry,
    sealed: giveSealed,
  };
  for (const [name, take] of Object.entries(acts)) {
    scope.post<ItemRoute>(`/admin/quarantine/:id/${name}`, async (request, reply) => {
      const detail = await detailOf(request, tools);
      return detail === undefined ? refuse(reply, 404) : take(request, reply, detail, tools);
    });
    if (name !== 'delete') {
      scope.get(`/admin/quarantine/:id/${name}`, async (_request, reply) => notAllowed(reply, 'POST'));
    }
  }
  scope.post('/admin/quarantine/act', (request, reply) => takeBulk(request, reply, tools));
}

async function detailOf({ params: { id } }: ItemRequest, tools: ConsoleTools): Promise<ItemDetail | undefined> {
  return isItemId(id) ? tools.options.store.call('get', id) : undefined;
}

async function showItem(request: ItemRequest, reply: FastifyReply, tools: ConsoleTools): Promise<FastifyReply> {
  const detail = await detailOf(request, tools);
  if (detail === undefined) return refuse(reply, 404);
  const { id } = detail.item;
  const { store, preview } = tools.options;
  const [incidents, outcome] = await Promise.all([store.call('incidentsOfItem', id), preview.preview(id)]);
  const operator = operatorOf(request);
  const flash = tools.flashes.of(request, operator);
  const lists = tools.settings === undefined ? [] : listEntries(detail.item);
  const page = <ItemPage {...{ detail, incidents, outcome, operator, flash, lists }} />;
  return sendPage(reply, 200, page, { frame: true });
}

function back(request: ItemRequest): string {
  return `/admin/quarantine/${request.params.id}`;
}

async function takeRelease(
  request: ItemRequest,
  reply: FastifyReply,
  { item }: ItemDetail,
  tools: ConsoleTools,
): Promise<FastifyReply> {
  const as = releaseForms.find((form) => form === readForm(request).get('as'));
  const flash = await releaseItem(item.id, actorOf(operatorOf(request)), as, tools.options);
  return tools.flashes.redirect(request, reply, back(request), flash);
}

async function takeDenial(
  request: ItemRequest,
  reply: FastifyReply,
  { item }: ItemDetail,
  tools: ConsoleTools,
): Promise<FastifyReply> {
  const reason = (readForm(request).get('reason') ?? '').slice(0, limits.console.commentCharacters);
  const flash = await denyRequest(item.id, actorOf(operatorOf(request)), reason, tools.options);
  return tools.flashes.redirect(request, reply, back(request), flash);
}

async function takeDeletion(
  request: ItemRequest,
  reply: FastifyReply,
  { item }: ItemDetail,
  tools: ConsoleTools,
): Promise<FastifyReply> {
  const flash = await deleteItem(item.id, actorOf(operatorOf(request)), tools.options);
  return tools.flashes.redirect(request, reply, back(request), flash);
}

async function takeListEntry(
  request: ItemRequest,
  reply: FastifyReply,
  { item }: ItemDetail,
  tools: ConsoleTools,
): Promise<FastifyReply> {
  const { settings } = tools;
  const form = readForm(request);
  const list = (['allow', 'block'] as const).find((name) => name === form.get('list'));
  // Only what belongs to this message: a form of ours offers nothing else.
  const entry = listEntries(item).find(({ entry }) => entry === form.get('entry'))?.entry;
  if (settings === undefined || list === undefined || entry === undefined) return refuse(reply, 400);
  const flash = await addListEntry(settings, list, entry, actorOf(operatorOf(request)));
  return tools.flashes.redirect(request, reply, back(request), flash);
}

/** As it lies on the disk: whoever has the identity opens it with the age tools, and a browser can do nothing with it. */
async function giveSealed(
  request: ItemRequest,
  reply: FastifyReply,
  { item }: ItemDetail,
  tools: ConsoleTools,
): Promise<FastifyReply> {
  const { vault, store, clock } = tools.options;
  if (item.state === 'deleted' || item.state === 'expired') return refuse(reply, 409);
  const { source } = await vault.openSealed(item.id);
  const stream = createReadStream('', { fd: source.fd, start: 0, autoClose: true });
  try {
    const actor = actorOf(operatorOf(request));
    await store.call('audit', { at: clock(), actor, action: 'exported-sealed', item: item.id, detail: {} });
  } catch (error) {
    stream.destroy();
    throw error;
  }
  return reply
    .headers({
      ...pageFields,
      'content-type': 'application/octet-stream',
      'content-security-policy': "sandbox; default-src 'none'",
      'content-disposition': `attachment; filename="${item.id}.eml.age"`,
      'content-length': String(source.length),
    })
    .send(stream);
}

async function takeBulk(request: FastifyRequest, reply: FastifyReply, tools: ConsoleTools): Promise<FastifyReply> {
  const form = readForm(request);
  const operator = operatorOf(request);
  const wanted = nextPage(form.get('back'));
  const home = wanted.startsWith('/admin/quarantine') ? wanted : '/admin/quarantine';
  const act = (['release', 'release-zip', 'delete'] as const).find((name: BulkAct) => name === form.get('do'));
  const ids = [...new Set(form.getAll('id'))].filter(isItemId);
  if (act === undefined || ids.length > limits.console.bulkMax) return refuse(reply, 400);
  if (ids.length === 0) {
    const text = 'No message was selected. Tick the boxes of those that you mean.';
    return tools.flashes.redirect(request, reply, home, { kind: 'failed', text });
  }
  if (act === 'delete' && form.get('sure') !== 'yes') {
    return sendPage(reply, 200, <BulkDeletePage ids={ids} back={home} operator={operator} />);
  }
  const flash = await actOnAll(act, ids, actorOf(operator), tools.options);
  return tools.flashes.redirect(request, reply, home, flash);
}
