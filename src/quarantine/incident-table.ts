/** Rows of incidents: written by holds and by messages that policy let through, read and commented by administrators. */
import type { Incident, IncidentComment, IncidentStatus } from '../incident/incident.js';
import type { Database } from './database.js';

export interface IncidentRow {
  readonly id: string;
  readonly item: string | null;
  readonly at: number;
  readonly protocol: Incident['protocol'];
  readonly listener: string;
  readonly client: string;
  readonly action: Incident['action'];
  readonly level: number;
  readonly threat: string;
  readonly source: string;
  readonly targets: string;
  readonly subject: string | null;
  readonly attachments: string;
  readonly status: IncidentStatus;
  readonly comments: string;
}

/** JSON columns are written by this file alone, so what they parse to is what was put in. */
export function incidentOf(row: IncidentRow): Incident {
  const { client, targets, attachments, comments, item, subject, ...rest } = row;
  return {
    ...rest,
    item: item ?? undefined,
    subject: subject ?? undefined,
    clientAddress: client,
    targets: JSON.parse(targets) as string[],
    attachments: JSON.parse(attachments) as Incident['attachments'],
    comments: JSON.parse(comments) as IncidentComment[],
  };
}

export class IncidentTable {
  readonly #insert;
  readonly #get;
  readonly #list;
  readonly #update;

  constructor(database: Database) {
    this.#insert = database.prepare<[IncidentRow]>(
      `INSERT INTO incidents VALUES (@id, @item, @at, @protocol, @listener, @client, @action, @level, @threat, @source,
       @targets, @subject, @attachments, @status, @comments)`,
    );
    this.#get = database.prepare<[string], IncidentRow>('SELECT * FROM incidents WHERE id = ?');
    this.#list = database.prepare<[number], IncidentRow>('SELECT * FROM incidents ORDER BY at DESC LIMIT ?');
    this.#update = database.prepare<[IncidentStatus, string, string]>(
      'UPDATE incidents SET status = ?, comments = ? WHERE id = ?',
    );
  }

  insert(incident: Incident): void {
    const { clientAddress, targets, attachments, comments, item, subject, ...rest } = incident;
    this.#insert.run({
      ...rest,
      item: item ?? null,
      subject: subject ?? null,
      client: clientAddress,
      targets: JSON.stringify(targets),
      attachments: JSON.stringify(attachments),
      comments: JSON.stringify(comments),
    });
  }

  get(id: string): Incident | undefined {
    const row = this.#get.get(id);
    return row === undefined ? undefined : incidentOf(row);
  }

  list(max: number): Incident[] {
    return this.#list.all(max).map(incidentOf);
  }

  update(id: string, status: IncidentStatus, comments: readonly IncidentComment[]): void {
    this.#update.run(status, JSON.stringify(comments), id);
  }
}
