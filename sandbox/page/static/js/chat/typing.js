/** Who is typing in a channel, and saying that we do. */
import { Subscriptions } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { findChannel, nameIn, state } from "../core/store.js";

const AGAIN_MS = 8000;

export class TypingLine {
  #subscriptions = new Subscriptions();
  #timer = 0;

  constructor(channelId) {
    this.channelId = channelId;
    this.element = h("div.typing", { "aria-live": "polite" });
    this.#subscriptions.on(`typing:${channelId}`, () => this.#show());
    this.#show();
  }
  #show() {
    clearTimeout(this.#timer);
    const now = Date.now();
    const known = state.typing.get(this.channelId) ?? new Map();
    for (const [id, until] of known) if (until <= now) known.delete(id);
    const guild = findChannel(this.channelId)?.guild;
    const names = [...known.keys()].map((id) => nameIn(guild, id));
    const text = names.length === 0 ? "" : names.length > 3 ? "Several people are typing" : `${names.join(", ")} ${names.length === 1 ? "is" : "are"} typing`;
    fill(this.element, text ? [h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), text] : null);
    if (names.length) this.#timer = setTimeout(() => this.#show(), Math.max(200, Math.min(...known.values()) - now));
  }
  end() {
    clearTimeout(this.#timer);
    this.#subscriptions.end();
  }
}

/** Gives a function that says "typing" at most every 8 s. */
export function typingSender(channelId) {
  let last = 0;
  return () => {
    if (Date.now() - last < AGAIN_MS) return;
    last = Date.now();
    state.acting.rest("POST", `/channels/${channelId}/typing`).catch(() => (last = 0));
  };
}
