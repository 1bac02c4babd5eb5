/**
 * The tables of sluice.db, as migrations in order: the position of the last one applied is the schema's version. An
 * entry, once released, is never changed; a new one is added.
 */
const first = `
CREATE TABLE items (
  id          TEXT PRIMARY KEY,
  state       TEXT NOT NULL CHECK (state IN ('held','release-requested','request-denied','released','deleted','expired')),
  repeat_key  TEXT NOT NULL,
  sha256      TEXT NOT NULL,
  bytes       INTEGER NOT NULL,
  envelope    TEXT NOT NULL,
  listener    TEXT NOT NULL,
  protocol    TEXT NOT NULL,
  client      TEXT NOT NULL,
  verdict     TEXT NOT NULL,
  facts       TEXT NOT NULL,
  subject     TEXT,
  sender      TEXT,
  created     INTEGER NOT NULL,
  expires     INTEGER NOT NULL,
  blob_bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX items_repeat ON items (repeat_key, created);
CREATE INDEX items_created ON items (created);
CREATE INDEX items_expiry ON items (state, expires);

CREATE TABLE incidents (
  id          TEXT PRIMARY KEY,
  item        TEXT REFERENCES items (id),
  at          INTEGER NOT NULL,
  protocol    TEXT NOT NULL,
  listener    TEXT NOT NULL,
  client      TEXT NOT NULL,
  action      TEXT NOT NULL,
  level       INTEGER NOT NULL,
  threat      TEXT NOT NULL,
  source      TEXT NOT NULL,
  targets     TEXT NOT NULL,
  subject     TEXT,
  attachments TEXT NOT NULL,
  status      TEXT NOT NULL CHECK (status IN ('new','acknowledged','in_progress','complete')),
  comments    TEXT NOT NULL DEFAULT '[]'
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_at ON incidents (at);

-- Mail of ours that still has to be sent. The bytes of a notice carry its recipient's token, so they go once it is sent.
CREATE TABLE outbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  kind        TEXT NOT NULL CHECK (kind IN ('notice','release','administrator')),
  state       TEXT NOT NULL CHECK (state IN ('queued','sent','failed','cancelled')),
  item        TEXT REFERENCES items (id),
  listener    TEXT NOT NULL,
  recipient   TEXT NOT NULL,
  message     BLOB,
  message_id  TEXT NOT NULL,
  attempts    INTEGER NOT NULL DEFAULT 0,
  created     INTEGER NOT NULL,
  next_at     INTEGER NOT NULL,
  lease_until INTEGER,
  lease_owner TEXT,
  last_reply  TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (state, next_at);
CREATE INDEX outbox_item ON outbox (item);
-- However many people press the button, one release of an item is under way.
CREATE UNIQUE INDEX outbox_one_release ON outbox (item) WHERE kind = 'release' AND state = 'queued';

CREATE TABLE deliveries (
  item        TEXT NOT NULL REFERENCES items (id),
  position    INTEGER NOT NULL,
  address     TEXT NOT NULL,
  status      TEXT NOT NULL CHECK (status IN ('pending','delivered','failed')),
  stage       TEXT,
  code        INTEGER,
  reply       TEXT,
  at          INTEGER,
  PRIMARY KEY (item, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  hash        BLOB PRIMARY KEY,
  item        TEXT NOT NULL REFERENCES items (id),
  recipient   TEXT NOT NULL,
  action      TEXT NOT NULL,
  expires     INTEGER NOT NULL,
  used        INTEGER,
  revoked     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_item ON tokens (item);

CREATE TABLE administrator_events (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  administrator TEXT NOT NULL,
  event         TEXT NOT NULL,
  item          TEXT NOT NULL REFERENCES items (id),
  at            INTEGER NOT NULL,
  actor         TEXT NOT NULL,
  mail          INTEGER REFERENCES outbox (id)
) STRICT;
CREATE INDEX administrator_events_open ON administrator_events (administrator, id) WHERE mail IS NULL;
CREATE TABLE administrator_mail (
  administrator TEXT PRIMARY KEY,
  last_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only, each row vouching for the one before it. The triggers stop mistakes and SQL injection; the chain shows
-- what somebody with the file in his hands changed.
CREATE TABLE audit (
  seq         INTEGER PRIMARY KEY,
  at          INTEGER NOT NULL,
  actor       TEXT NOT NULL,
  action      TEXT NOT NULL,
  item        TEXT,
  detail      TEXT NOT NULL,
  previous    TEXT NOT NULL,
  hash        TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;
CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;

CREATE TABLE meta (
  key         TEXT PRIMARY KEY,
  value       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** Answers of scoring backends, by what they are a function of. A cache: nothing refers to it. */
const verdicts = `
CREATE TABLE verdicts (
  digest      BLOB NOT NULL,
  backend     TEXT NOT NULL,
  version     TEXT NOT NULL,
  score       REAL NOT NULL,
  name        TEXT NOT NULL,
  engine      TEXT NOT NULL,
  at          INTEGER NOT NULL,
  PRIMARY KEY (digest, backend, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX verdicts_at ON verdicts (at);
`;

/**
 * What IMAP clients were shown. A row of a message is small, because all rows of a mailbox are read when it is opened;
 * what a later judgement needs lies beside it. Notices stay when mailboxes go.
 */
const imap = `
CREATE TABLE imap_mailboxes (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  upstream     TEXT NOT NULL,
  user         TEXT NOT NULL,
  mailbox      TEXT NOT NULL,
  utf8         INTEGER NOT NULL,
  name         TEXT NOT NULL,
  uid_validity INTEGER NOT NULL,
  opened       INTEGER NOT NULL,
  UNIQUE (upstream, user, mailbox, utf8)
) STRICT;
CREATE INDEX imap_mailboxes_name ON imap_mailboxes (upstream, user, name);
CREATE INDEX imap_mailboxes_opened ON imap_mailboxes (opened);

-- The mail in which a withheld message is shown, by the upstream server and the digest of the original there; the core
-- is the original without the trace fields on top, which differ from mailbox to mailbox.
CREATE TABLE imap_notices (
  id           INTEGER PRIMARY KEY,
  upstream     TEXT NOT NULL,
  sha256       TEXT NOT NULL,
  bytes        INTEGER NOT NULL,
  core_sha256  TEXT NOT NULL,
  item         TEXT NOT NULL REFERENCES items (id),
  message      BLOB NOT NULL,
  UNIQUE (upstream, sha256)
) STRICT;
CREATE INDEX imap_notices_item ON imap_notices (item);
CREATE INDEX imap_notices_core ON imap_notices (upstream, core_sha256);

CREATE TABLE imap_messages (
  mailbox      INTEGER NOT NULL REFERENCES imap_mailboxes (id) ON DELETE CASCADE,
  uid          INTEGER NOT NULL,
  state        INTEGER NOT NULL,
  bytes        INTEGER NOT NULL,
  revision     INTEGER NOT NULL,
  notice       INTEGER NOT NULL,
  PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE imap_facts (
  mailbox      INTEGER NOT NULL REFERENCES imap_mailboxes (id) ON DELETE CASCADE,
  uid          INTEGER NOT NULL,
  facts        TEXT NOT NULL,
  PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

-- Whose incident of which message is written down.
CREATE TABLE imap_told (
  upstream     TEXT NOT NULL,
  sha256       TEXT NOT NULL,
  user         TEXT NOT NULL,
  PRIMARY KEY (upstream, sha256, user)
) STRICT, WITHOUT ROWID;

-- Released originals on their way to a new UID.
CREATE TABLE imap_swaps (
  mailbox      INTEGER NOT NULL REFERENCES imap_mailboxes (id) ON DELETE CASCADE,
  uid          INTEGER NOT NULL,
  step         TEXT NOT NULL CHECK (step IN ('waiting','copying','copied','removing','done','given-up')),
  next_before  INTEGER,
  copy_uid     INTEGER,
  PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX items_bytes ON items (bytes, sha256);
-- Stays when the sealed copy expires: the original is in its mailbox, and whoever was away finds it there.
ALTER TABLE items ADD COLUMN was_released INTEGER NOT NULL DEFAULT 0;
UPDATE items SET was_released = 1 WHERE state = 'released';
`;

/** What administrators sign in with and look at. */
const portal = `
-- Sums of what happened in one slice of time, for charts and statistics; a slice begins at \`at\`, ms since 1970.
CREATE TABLE counters (
  at          INTEGER NOT NULL,
  name        TEXT NOT NULL,
  value       INTEGER NOT NULL,
  PRIMARY KEY (at, name)
) STRICT, WITHOUT ROWID;

-- Only the SHA-256 of a session's secret is kept. The credential is a digest of the password's record at sign-in: a
-- changed password ends every session.
CREATE TABLE sessions (
  hash        BLOB PRIMARY KEY,
  account     TEXT NOT NULL,
  credential  BLOB NOT NULL,
  created     INTEGER NOT NULL,
  seen        INTEGER NOT NULL,
  expires     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_account ON sessions (account);
CREATE TABLE sign_in_failures (
  account     TEXT PRIMARY KEY,
  failures    INTEGER NOT NULL,
  last_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX incidents_status ON incidents (status, at);
CREATE INDEX incidents_item ON incidents (item);
CREATE INDEX items_state ON items (state, created);
`;

/** How a held message's life goes on: in which form it is released, and which recipients have to be told. */
const lifecycle = `
-- NULL for the original as it came
ALTER TABLE outbox ADD COLUMN release_as TEXT;

-- A recipient asked for a release; what he has to be told of its end becomes a mail of its own.
CREATE TABLE recipient_answers (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  item        TEXT NOT NULL REFERENCES items (id),
  recipient   TEXT NOT NULL,
  answer      TEXT NOT NULL CHECK (answer IN ('released','denied','deleted','expired')),
  reason      TEXT,
  at          INTEGER NOT NULL,
  mail        INTEGER REFERENCES outbox (id)
) STRICT;
CREATE INDEX recipient_answers_open ON recipient_answers (id) WHERE mail IS NULL;
CREATE INDEX recipient_answers_item ON recipient_answers (item);

-- What was sent in place of an original, so that it is recognised in a mailbox.
CREATE TABLE parcels (
  bytes       INTEGER NOT NULL,
  sha256      TEXT NOT NULL,
  item        TEXT NOT NULL REFERENCES items (id),
  PRIMARY KEY (bytes, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_item ON audit (item, seq);
`;

/** What goes with the sums of `counters`. */
const counting = `
-- kind 'cleared': what the sums stood at when the statistics were cleared, and under the empty name the time of it.
-- kind 'now': values of this moment, and kind 'owner' the process that says so. kind 'seen': the last audit row that was
-- counted, and the last one that is history.
CREATE TABLE counter_state (
  kind        TEXT NOT NULL CHECK (kind IN ('cleared','now','owner','seen')),
  name        TEXT NOT NULL,
  value       INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
`;

/** What a row that has become old needs, to go without anything that still refers to it. */
const purge = `
-- What a released message is known by when its item is forgotten: the upstream server in whose mailboxes it counts, or
-- nothing for all of them; the message or the end of one; and, of one withheld in a mailbox, what is below its trace fields.
CREATE TABLE released_marks (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  upstream    TEXT NOT NULL,
  bytes       INTEGER NOT NULL,
  sha256      TEXT NOT NULL,
  core_sha256 TEXT,
  item        TEXT NOT NULL,
  UNIQUE (bytes, sha256, upstream)
) STRICT;
CREATE INDEX released_marks_core ON released_marks (upstream, core_sha256) WHERE core_sha256 IS NOT NULL;

-- Each of these is looked through for every item or mail that goes.
CREATE INDEX administrator_events_item ON administrator_events (item);
CREATE INDEX administrator_events_mail ON administrator_events (mail) WHERE mail IS NOT NULL;
CREATE INDEX recipient_answers_mail ON recipient_answers (mail) WHERE mail IS NOT NULL;
CREATE INDEX parcels_item ON parcels (item);
CREATE INDEX outbox_itemless ON outbox (created) WHERE item IS NULL;
CREATE INDEX imap_messages_notice ON imap_messages (notice) WHERE notice <> 0;
`;

export const migrations: readonly string[] = [first, verdicts, imap, portal, lifecycle, counting, purge];
