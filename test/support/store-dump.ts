/** Everything that a gate keeps about mail and decisions, to see that it did not change. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

/** Change with time alone, or with being asked. */
const restless = ['sqlite_sequence', 'counters', 'sessions', 'sign_in_failures', 'verdicts', 'meta'];

/** Whether mail of the gate's own is under way, which is written down a moment after its receiver has it. */
export function isSettled(folder: string): boolean {
  const database = new Sqlite(join(folder, 'var', 'sluice.db'), { readonly: true });
  try {
    return database.prepare("SELECT count(*) FROM outbox WHERE state = 'queued'").pluck().get() === 0;
  } finally {
    database.close();
  }
}

/** Rows of each table, the names of the sealed files, and the configuration's text. */
export function dumpStore(folder: string): Readonly<Record<string, unknown>> {
  const directory = join(folder, 'var');
  const database = new Sqlite(join(directory, 'sluice.db'), { readonly: true });
  try {
    const names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").pluck().all();
    const tables = names
      .map(String)
      .filter((name) => !restless.includes(name) && !name.startsWith('counter'))
      .map((name) => [name, database.prepare(`SELECT * FROM "${name}"`).all()]);
    const sealed = existsSync(join(directory, 'quarantine')) ? readdirSync(join(directory, 'quarantine')).sort() : [];
    const configuration = readFileSync(join(folder, 'sluice.yaml'), 'utf8');
    return { ...Object.fromEntries(tables), sealed, configuration };
  } finally {
    database.close();
  }
}

/** For a test that needs what only time brings. */
export function changeStore(folder: string, statement: string, ...values: readonly unknown[]): void {
  const database = new Sqlite(join(folder, 'var', 'sluice.db'));
  try {
    database.prepare(statement).run(...values);
  } finally {
    database.close();
  }
}
