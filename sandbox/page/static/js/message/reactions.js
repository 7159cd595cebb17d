/** Reactions under a message, and the picker to add one. */
import { h } from "../core/dom.js";
import { attempt, popover } from "../core/layers.js";
import { icon } from "../core/icons.js";
import { may, state } from "../core/store.js";
import { EMOJI } from "../text/emoji.js";

const pathOf = (message, emoji) => `/channels/${message.channel_id}/messages/${message.id}/reactions/${encodeURIComponent(emoji.id ? `${emoji.name}:${emoji.id}` : emoji.name)}/@me`;

export function toggleReaction(message, emoji, mine) {
  return attempt(() => state.acting.rest(mine ? "DELETE" : "PUT", pathOf(message, emoji)));
}

export function reactions(message) {
  if (!message.reactions?.length) return null;
  return h("div.reactions", {}, message.reactions.map((r) => h("button.reaction", {
    type: "button", class: r.me ? "mine" : "", "aria-pressed": r.me ? "true" : "false", "aria-label": `${r.emoji.name}, ${r.count} ${r.count === 1 ? "reaction" : "reactions"}`,
    onclick: () => toggleReaction(message, r.emoji, r.me),
  }, h("span", {}, r.emoji.id ? `:${r.emoji.name}:` : r.emoji.name), h("b", {}, r.count))),
  may("ADD_REACTIONS", message.channel_id) ? h("button.reaction.add", { type: "button", "aria-label": "Add a reaction", onclick: (e) => pickEmoji(e.currentTarget, (char) => toggleReaction(message, { name: char }, false)) }, icon("smile", 16)) : null);
}

/** Opens the emoji picker beside an element. */
export function pickEmoji(anchor, onpick) {
  const { box, close, place } = popover(anchor, { className: "emoji-picker", label: "Emoji" });
  const grid = h("div.emoji-grid", { role: "listbox", "aria-label": "Emoji" });
  const render = (words) => grid.replaceChildren(...EMOJI.filter((e) => e.names.some((n) => n.includes(words))).map((e) =>
    h("button", { type: "button", role: "option", title: `:${e.names[0]}:`, "aria-label": e.names[0].replaceAll("_", " "), onclick: () => { close(); onpick(e.char); } }, e.char)));
  box.append(h("input", { type: "search", placeholder: "Find an emoji", "aria-label": "Find an emoji", oninput: (e) => render(e.target.value.toLowerCase()) }), grid);
  render("");
  place();
  queueMicrotask(() => box.querySelector("input").focus());
}
