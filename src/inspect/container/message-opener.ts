/** The opener of messages, with the multi-view pass for those that are doubtful. */
import { createMessageOpener } from './message-file.js';
import { openViewBodies } from './view-bodies.js';

export const messageOpener = createMessageOpener(openViewBodies);
