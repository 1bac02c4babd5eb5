/**
 * Mail that is known and not opened: rights-managed messages, whose key is on a server, and the message stores of
 * Outlook and Outlook Express, which nothing here can read. Both are said, so that nobody takes them for looked into.
 */

import { partFlags } from '../report.js';
import { standsAt } from '../stands-at.js';
import type { Opener } from './opener.js';

/** message.rpmsg ([MS-OXORMMS]): in front of compressed blocks of an encrypted compound file */
const rightsManaged = Buffer.from('76e80460c411e386', 'hex');
/** [MS-PST] §2.2.2.6: the magic, and the client's own eight bytes further on */
const personalStore = Buffer.from('!BDN');
const personalClient = Buffer.from('SM');
/** .dbx of Outlook Express */
const expressStore = Buffer.from('cfad12fe', 'hex');

export const rightsManagedOpener: Opener = {
  id: 'rpmsg',
  matches: ({ content }) => standsAt(content, rightsManaged),
  open: (_file, out) => out.flag(partFlags.encrypted),
};

export const mailStoreOpener: Opener = {
  id: 'mail-store',
  matches: ({ content }) =>
    (standsAt(content, personalStore) && standsAt(content, personalClient, 8)) || standsAt(content, expressStore),
  open: (_file, out) => out.problem('archive-unsupported'),
};
