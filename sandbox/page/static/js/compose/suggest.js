/** The list of suggestions above a field: moved through with the arrow keys, taken with Tab or Enter. */
import { fill, h } from "../core/dom.js";

export class Suggestions {
  items = [];
  #at = 0;

  constructor({ label, onpick }) {
    this.onpick = onpick;
    this.id = `suggest-${Math.random().toString(36).slice(2)}`;
    this.list = h("div.suggest-list", { role: "listbox", id: this.id, "aria-label": label });
    this.title = h("div.suggest-title");
    this.element = h("div.suggest", { hidden: true }, this.title, this.list);
  }
  get open() {
    return !this.element.hidden;
  }
  /** Shows items: [{lead, text, detail, value}]; nothing hides the list. */
  show(items, title = "") {
    this.items = items;
    this.#at = 0;
    this.title.textContent = title;
    this.element.hidden = items.length === 0;
    fill(this.list, items.map((item, index) => h("div.suggest-item", {
      role: "option", id: `${this.id}-${index}`, onpointerdown: (e) => { e.preventDefault(); this.onpick(item); },
      onpointermove: () => this.#mark(index),
    }, item.lead ?? null, h("span.suggest-text", {}, item.text, item.detail ? h("small", {}, item.detail) : null), item.side ? h("small.suggest-side", {}, item.side) : null)));
    this.#mark(0);
  }
  hide() {
    this.show([]);
  }
  #mark(index) {
    this.#at = index;
    [...this.list.children].forEach((e, i) => e.setAttribute("aria-selected", i === index ? "true" : "false"));
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
    this.field?.setAttribute("aria-activedescendant", this.list.children[index]?.id ?? "");
  }
  /** Ties the list to the field that it belongs to, for screen readers. */
  attach(field) {
    this.field = field;
    field.setAttribute("aria-controls", this.id);
    field.setAttribute("aria-autocomplete", "list");
  }
  /** Takes a key; true where it was for the list. */
  key(event) {
    if (!this.open) return false;
    const size = this.items.length;
    if (event.key === "ArrowDown") this.#mark((this.#at + 1) % size);
    else if (event.key === "ArrowUp") this.#mark((this.#at - 1 + size) % size);
    else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) this.onpick(this.items[this.#at]);
    else if (event.key === "Escape") this.hide();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }
}
