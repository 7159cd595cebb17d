/**
 * The list of messages of one channel, as a window of at most some 160 elements over the run that `history.js` keeps:
 * scrolling up puts older ones in and takes the newest out, and the other way round. What stands under the reader's eyes
 * stays where it is; at the bottom the list follows what comes.
 */
import { Subscriptions } from "../core/bus.js";
import { h, announce } from "../core/dom.js";
import { timeOf } from "../core/ids.js";
import { icon } from "../core/icons.js";
import { attempt } from "../core/layers.js";
import { loadOlder, open, openAround, runOf } from "../core/history.js";
import { state } from "../core/store.js";
import { messageView } from "../message/message.js";
import { plainText, parse } from "../text/parse.js";

const STEP = 50;
const MOST = 160;
const NEAR = 600;

export class MessageList {
  #subscriptions = new Subscriptions();
  #first = 0;
  #last = 0;
  #views = new Map();
  #busy = false;
  #follow = true;
  #top = 0;

  constructor(channelId, { head } = {}) {
    this.channelId = channelId;
    this.run = runOf(channelId);
    this.head = head;
    this.list = h("div.message-list", { role: "log", "aria-label": "Messages", "aria-live": "off" });
    this.scroller = h("div.scroller", { tabindex: 0, "aria-label": "Messages", onscroll: () => this.#scrolled() }, h("div.scroller-inner", {}, this.list));
    this.toNewest = h("button.to-newest", { type: "button", hidden: true, onclick: () => this.showNewest() }, "Jump to the newest", icon("down", 16));
    this.element = h("div.message-area", {}, this.scroller, this.toNewest);
    this.list.addEventListener("keydown", (e) => this.#keys(e));
    // A picture that comes late makes the content grow; a composer of three lines makes its window shrink.
    const resized = new ResizeObserver(() => this.#follow && this.#toBottom());
    for (const element of [this.scroller, this.scroller.firstChild]) resized.observe(element);
    this.#subscriptions.on(`messages:${channelId}`, (change) => this.#changed(change));
    this.#subscriptions.on("roles", () => this.#redraw());
    this.list.append(h("div.loading", { role: "status" }, "Loading messages"));
    attempt(() => open(channelId)).then(() => this.run.loaded && this.#reset());
  }

  end() {
    this.#subscriptions.end();
  }

  #reset() {
    this.run = runOf(this.channelId);
    this.#last = this.run.messages.length;
    this.#first = Math.max(0, this.#last - STEP);
    this.#follow = true;
    this.#redraw();
    this.#toBottom();
  }

  #redraw() {
    this.#views.clear();
    this.list.replaceChildren(...this.#between(this.#first, this.#last));
    this.#edges();
  }

  #between(from, to) {
    const nodes = [];
    for (let i = from; i < to; i++) nodes.push(...this.#nodesAt(i));
    return nodes;
  }

  #nodesAt(index) {
    const message = this.run.messages[index];
    const before = this.run.messages[index - 1];
    const view = messageView(message, before);
    this.#views.set(message.id, view);
    const newDay = !before || timeOf(before.id).toDateString() !== timeOf(message.id).toDateString();
    if (!newDay) return [view];
    const day = timeOf(message.id).toLocaleDateString(undefined, { dateStyle: "long" });
    return [h("div.day", { role: "separator", "aria-label": day, data: { before: message.id } }, h("span", {}, day)), view];
  }

  /** The start of the channel stands above its first message. */
  #edges() {
    const atStart = this.#first === 0 && !this.run.hasOlder;
    const shown = this.list.querySelector(":scope > .channel-start");
    if (atStart && !shown && this.head) this.list.prepend(this.head());
    if (!atStart) shown?.remove();
    this.toNewest.hidden = this.#follow && !this.run.hasNewer;
  }

  async #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const below = scrollHeight - clientHeight - scrollTop;
    // Only who scrolls up stops following; content that grew since the last frame moved nobody.
    if (below < 40 && this.#last === this.run.messages.length && !this.run.hasNewer) this.#follow = true;
    else if (scrollTop < this.#top) this.#follow = false;
    this.#top = scrollTop;
    this.toNewest.hidden = this.#follow;
    if (this.#busy) return;
    if (scrollTop < NEAR) await this.#extendUp();
    else if (below < NEAR) this.#extendDown();
  }

  async #extendUp() {
    this.#busy = true;
    try {
      if (this.#first === 0 && this.run.hasOlder) {
        const came = (await attempt(() => loadOlder(this.channelId))) ?? 0;
        this.#first += came;
        this.#last += came;
      }
      if (this.#first > 0) this.#keepPlace(() => {
        const from = Math.max(0, this.#first - STEP);
        const oldTop = this.run.messages[this.#first];
        const nodes = this.#between(from, this.#first);
        this.#first = from;
        this.list.prepend(...nodes);
        this.#renew(oldTop);
        while (this.#last - this.#first > MOST) this.#drop(--this.#last);
      });
      this.#edges();
    } finally {
      this.#busy = false;
    }
  }

  #extendDown() {
    if (this.#last >= this.run.messages.length) return;
    this.#keepPlace(() => {
      const to = Math.min(this.run.messages.length, this.#last + STEP);
      const nodes = this.#between(this.#last, to);
      this.#last = to;
      this.list.append(...nodes);
      while (this.#last - this.#first > MOST) this.#drop(this.#first++);
    });
    this.#edges();
  }

  /** Changes the list while the message under the eyes stays where it is. */
  #keepPlace(change) {
    const top = this.scroller.getBoundingClientRect().top;
    const anchor = [...this.list.children].find((e) => e.dataset.id && e.getBoundingClientRect().bottom > top);
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  #drop(index) {
    const message = this.run.messages[index];
    this.#removeView(message.id);
  }

  #removeView(id) {
    const view = this.#views.get(id);
    if (!view) return;
    if (view.previousElementSibling?.dataset.before === id) view.previousElementSibling.remove();
    view.remove();
    this.#views.delete(id);
  }

  /** Draws a message anew where it stands. */
  #renew(message) {
    const view = this.#views.get(message?.id);
    if (!view) return;
    const index = this.run.index(message.id);
    const focused = view.contains(document.activeElement) ? document.activeElement.dataset.customId : null;
    if (view.previousElementSibling?.dataset.before === message.id) view.previousElementSibling.remove();
    const nodes = this.#nodesAt(index);
    view.replaceWith(...nodes);
    if (focused) nodes.at(-1).querySelector(`[data-custom-id="${CSS.escape(focused)}"]`)?.focus();
  }

  #changed({ kind, message }) {
    if (kind === "reset") return this.#reset();
    if (kind === "update") return this.#renew(message);
    if (kind === "remove") {
      this.#removeView(message.id);
      this.#last = Math.max(this.#first, this.#last - 1);
      const next = this.run.messages[this.run.index(message.id)];
      if (next) this.#renew(next);
      return this.#edges();
    }
    return this.#added(message);
  }

  #added(message) {
    const index = this.run.index(message.id);
    if (index < this.#first) {
      this.#first += 1;
      this.#last += 1;
      return;
    }
    const wasAtEnd = this.#last === this.run.messages.length - 1;
    if (index !== this.run.messages.length - 1) {
      this.#last += Number(index < this.#last);
      return this.#redraw();
    }
    if (!wasAtEnd) return this.#edges();
    this.list.querySelector(":scope > .loading")?.remove();
    this.list.append(...this.#nodesAt(index));
    this.#last += 1;
    if (this.#follow || message.author?.id === state.me?.id) {
      while (this.#last - this.#first > MOST) this.#drop(this.#first++);
      this.#follow = true;
      this.#toBottom();
    }
    this.#edges();
    if (message.author?.id !== state.me?.id) announce(`${message.author?.global_name ?? message.author?.username}: ${plainText(parse(message.content ?? "")).slice(0, 200)}`);
  }

  #toBottom() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  async showNewest() {
    if (this.run.hasNewer) await attempt(() => open(this.channelId));
    this.#reset();
  }

  /** Scrolls to a message and marks it for a moment. */
  async jump(messageId) {
    if (!(await attempt(() => openAround(this.channelId, messageId)))) return;
    const index = this.run.index(messageId);
    if (!this.#views.has(messageId)) {
      this.#first = Math.max(0, index - STEP / 2);
      this.#last = Math.min(this.run.messages.length, index + STEP / 2);
      this.#follow = false;
      this.#redraw();
    }
    const view = this.#views.get(messageId);
    if (!view) return;
    this.#follow = false;
    view.scrollIntoView({ block: "center" });
    view.classList.add("found");
    view.focus();
    setTimeout(() => view.classList.remove("found"), 2000);
    this.#edges();
  }

  #keys(event) {
    const view = event.target.closest?.(".message");
    if (!view || event.target !== view) return;
    const step = event.key === "ArrowUp" ? "previousElementSibling" : event.key === "ArrowDown" ? "nextElementSibling" : null;
    if (!step) return;
    event.preventDefault();
    let other = view[step];
    while (other && !other.classList.contains("message")) other = other[step];
    other?.focus();
  }

  /** The newest own message, for editing with the arrow key. */
  lastOwn() {
    for (let i = this.run.messages.length - 1; i >= 0; i--) {
      const message = this.run.messages[i];
      if (message.author?.id === state.me?.id && (message.type === 0 || message.type === 19)) return message;
    }
    return null;
  }
}

