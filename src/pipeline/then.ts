/** Goes on at once with a value, later with a promise: mail that has to wait for nothing pays for no promise. */
export function then<In, Out>(value: In | Promise<In>, next: (value: In) => Out | Promise<Out>): Out | Promise<Out> {
  return value instanceof Promise ? value.then(next) : next(value);
}
