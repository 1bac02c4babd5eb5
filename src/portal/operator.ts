/** The administrator who is signed in, as the pages behind the sign-in know him. */
import type { FastifyRequest } from 'fastify';

export interface Operator {
  /** his name in the configuration; actions of his are recorded as `console:NAME` */
  readonly name: string;
  /** stands in every form of this session; a form without it is refused */
  readonly csrf: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** set on every page behind the sign-in, before its handler runs; undefined on all others */
    operator: Operator | undefined;
  }
}

/** How the audit table names what he did. */
export function actorOf({ name }: Operator): string {
  return `console:${name}`;
}

/** For pages behind the sign-in, where there always is one. */
export function operatorOf(request: FastifyRequest): Operator {
  if (request.operator === undefined) throw new Error('a page behind the sign-in was reached without it');
  return request.operator;
}
