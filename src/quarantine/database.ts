/**
 * Opens sluice.db the one way in which it is ever opened, brings its schema up to date, and holds the lock that keeps
 * a second daemon out of a data directory. It knows no table.
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { migrations } from './schema.sql.js';

export type Database = Sqlite.Database;

/** Creates the file as the owner's alone before SQLite does so with the umask's idea of privacy. */
function createPrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
}

function migrate(database: Database): void {
  const apply = database.transaction(() => {
    const version = Number(database.pragma('user_version', { simple: true }));
    if (version > migrations.length) {
      throw new GateError(
        'store-failed',
        `sluice.db has schema ${version}, this version knows ${migrations.length}: start a newer sluice`,
        {
          temporary: false,
        },
      );
    }
    for (const statements of migrations.slice(version)) database.exec(statements);
    database.pragma(`user_version = ${migrations.length}`);
  });
  apply.immediate();
}

/** @param dataDirectory existing private directory */
export function openDatabase(dataDirectory: string): Database {
  const file = join(dataDirectory, 'sluice.db');
  try {
    createPrivate(file);
    const database = new Sqlite(file, { timeout: limits.quarantine.busyTimeoutMs });
    database.pragma('journal_mode = WAL');
    // WAL with synchronous=NORMAL may lose the last commits in a power cut, and a commit is what we answer 250 for.
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    // A sent notice carried a token: its bytes are overwritten, not only unlinked.
    database.pragma('secure_delete = ON');
    // Without it INSERT OR REPLACE would delete rows past the triggers of the audit table.
    database.pragma('recursive_triggers = ON');
    migrate(database);
    return database;
  } catch (error) {
    if (error instanceof GateError) throw error;
    throw new GateError('store-failed', `${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** The right to run a daemon on a data directory; it ends with the process, however the process ends. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Takes the lock or throws `directory-locked`. It is a write transaction on a file of its own that is never finished:
 * the kernel drops it when the process dies, so no stale lock outlives a kill -9.
 */
export function lockDirectory(dataDirectory: string): DirectoryLock {
  const file = join(dataDirectory, 'daemon.lock');
  createPrivate(file);
  const database = new Sqlite(file, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    const busy = error instanceof Sqlite.SqliteError && error.code === 'SQLITE_BUSY';
    if (!busy) throw new GateError('store-failed', `${file}: ${messageOf(error)}`, { cause: error });
    throw new GateError(
      'directory-locked',
      `another sluice daemon uses ${dataDirectory}: stop it or choose another dataDirectory`,
    );
  }
  return { release: () => database.close() };
}
