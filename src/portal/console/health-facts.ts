/** How the gate is, as values: filled in by the daemon, shown by the page of health. */

export interface HealthFacts {
  readonly version: string;
  /** of Node.js */
  readonly runtime: string;
  /** ms since 1970 */
  readonly started: number;
  /** a mail server before this one may send it mail */
  readonly ready: boolean;
  readonly listeners: readonly {
    readonly name: string;
    readonly protocol: 'smtp' | 'imap';
    /** address and port */
    readonly place: string;
    /** the real server */
    readonly upstream: string;
    readonly state: 'ok' | 'stopping';
  }[];
  readonly backends: readonly {
    readonly name: string;
    readonly up: boolean;
    readonly detail: string;
    /** ms since 1970 of its last answer; undefined when it gave none yet, or needs no asking */
    readonly lastAnswerMs: number | undefined;
  }[];
  /** `ok`, or what is wrong; undefined where there is none */
  readonly portal: string | undefined;
  readonly spool: { readonly bytes: number; readonly files: number; readonly inspectionsQueued: number };
  /** undefined when it cannot be told */
  readonly disk:
    | {
        readonly folder: string;
        readonly freeBytes: number;
        readonly totalBytes: number;
        readonly databaseBytes: number;
      }
    | undefined;
  readonly configuration: {
    readonly file: string;
    /** as check-config says them */
    readonly problems: readonly string[];
    /** keys that wait for a restart */
    readonly restartKeys: readonly string[];
    /** which reading is in force: the one at the start, a later one, or, the last being refused, one before it */
    readonly reading: 'first' | 'again' | 'refused';
  };
}
