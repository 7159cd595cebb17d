/** The buttons at the top of a channel: its threads, what is pinned. */
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { attempt, popover } from "../core/layers.js";
import { emit } from "../core/bus.js";
import { state } from "../core/store.js";
import { messageView } from "../message/message.js";
import { threadPicker } from "../server/threads.js";

export function threadsButton(found) {
  if (!found.guild) return null;
  return h("button.icon-button", { type: "button", "aria-label": "Threads", title: "Threads", onclick: (e) => threadPicker(e.currentTarget, found) }, icon("thread"));
}

export function pinsButton({ channel }) {
  return h("button.icon-button", { type: "button", "aria-label": "Pinned messages", title: "Pinned messages", onclick: (e) => showPins(e.currentTarget, channel) }, icon("pin"));
}

async function showPins(anchor, channel) {
  const { box, close, place } = popover(anchor, { className: "pins", label: "Pinned messages" });
  fill(box, h("h3", {}, "Pinned messages"), h("p.muted", {}, "Loading"));
  place();
  const answer = await attempt(() => state.acting.rest("GET", `/channels/${channel.id}/messages/pins`));
  const pins = (answer?.items ?? []).map((item) => item.message);
  fill(box, h("h3", {}, "Pinned messages"), pins.length ? pins.map((message) => h("div.pin-card", {}, messageView(message, null), h("button.secondary", { type: "button", onclick: () => { close(); emit("jump", { channelId: channel.id, messageId: message.id }); } }, "Go to it"))) : h("p.muted", {}, "Nothing is pinned here."));
  place();
}
