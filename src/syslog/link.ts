/** The contract between the queue of records and the connection that carries them. */

export interface LinkEvents {
  /** records may be written */
  ready(): void;
  /** Called once, whether it was ever ready or not; nothing is called after it. */
  lost(reason: string): void;
}

export interface Link {
  /**
   * Hands records over; the next ones come when `done` was called. A link that is lost before has not carried them for
   * sure.
   * @param done how many of them were refused for good
   */
  write(records: readonly Buffer[], done: (failed: number) => void): void;
  /** Ends it when what was written is on its way, and at once when that takes too long. */
  close(): Promise<void>;
  /** Ends it at once. */
  destroy(): void;
}

export type OpenLink = (events: LinkEvents) => Link;
