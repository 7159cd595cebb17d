/** Who wants to know what changed: named topics, and an owner to unsubscribe by. */

const listeners = new Map();

/** Calls `listener` whenever a topic is emitted; gives the function that stops it. */
export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
  return () => listeners.get(topic)?.delete(listener);
}

/** Tells everyone who listens. */
export function emit(topic, detail) {
  for (const listener of [...(listeners.get(topic) ?? [])]) listener(detail);
}

/** Several subscriptions that end together. */
export class Subscriptions {
  #ends = [];
  on(topic, listener) {
    this.#ends.push(on(topic, listener));
  }
  end() {
    for (const stop of this.#ends.splice(0)) stop();
  }
}
