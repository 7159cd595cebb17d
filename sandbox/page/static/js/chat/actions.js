/** What one may do with a message: the toolbar that shows on hover and focus, and the menu. */
import { emit } from "../core/bus.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { attempt, confirmFirst, menu, toast } from "../core/layers.js";
import { findChannel, isThread, may, state } from "../core/store.js";
import { pickEmoji, toggleReaction } from "../message/reactions.js";
import { FLAG } from "../message/message.js";
import { runOf } from "../core/history.js";
import { commandsIn, useContextCommand } from "../compose/commands.js";
import { openTraceOf } from "../traces/open.js";
import { newThreadFrom } from "../server/threads.js";

/** Adds toolbar and menu to a list of messages; `view` is the chat view they act in. */
export function messageActions(list, view) {
  let bar = null;
  let shownFor = null;
  const show = (element) => {
    if (shownFor === element) return;
    bar?.remove();
    shownFor = element;
    const message = runOf(view.channelId).find(element?.dataset.id ?? "");
    if (!message) return;
    element.append((bar = toolbar(message, view)));
  };
  const target = (event) => event.target.closest?.(".message");
  list.addEventListener("pointerover", (event) => target(event) && show(target(event)));
  list.addEventListener("focusin", (event) => target(event) && show(target(event)));
  list.addEventListener("contextmenu", (event) => {
    const element = target(event);
    const message = element && runOf(view.channelId).find(element.dataset.id);
    if (!message || event.target.closest("a, img") || getSelection()?.toString()) return;
    event.preventDefault();
    openMenu({ x: event.clientX, y: event.clientY }, message, view);
  });
  list.addEventListener("keydown", (event) => {
    const element = target(event);
    if (event.target !== element || !element) return;
    const message = runOf(view.channelId).find(element.dataset.id);
    const act = { e: () => editable(message) && view.edit(message), r: () => view.reply(message), t: () => openTraceOf(message), Delete: () => remove(message), ContextMenu: () => openMenu(element, message, view), Enter: () => openMenu(element, message, view) }[event.key];
    if (!message || !act || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act();
  });
}

const own = (message) => message.author?.id === state.me?.id && !message.webhook_id;
const editable = (message) => own(message) && (message.type === 0 || message.type === 19);
const fromBot = (message) => Boolean(message.author?.bot);
const ephemeral = (message) => Boolean(message.flags & FLAG.ephemeral);

function toolbar(message, view) {
  const button = (name, text, action) => h("button.icon-button", { type: "button", "aria-label": text, title: text, tabindex: -1, onclick: (e) => { e.stopPropagation(); action(e.currentTarget); } }, icon(name, 18));
  return h("div.message-tools", { role: "toolbar", "aria-label": "Message actions" },
    fromBot(message) ? h("button.trace-button", { type: "button", tabindex: -1, title: "Show trace", onclick: () => openTraceOf(message) }, icon("trace", 16), "Show trace") : null,
    !ephemeral(message) && may("ADD_REACTIONS", message.channel_id) ? button("smile", "Add a reaction", (e) => pickEmoji(e, (char) => toggleReaction(message, { name: char }, false))) : null,
    editable(message) ? button("edit", "Edit", () => view.edit(message)) : null,
    !ephemeral(message) ? button("reply", "Reply", () => view.reply(message)) : null,
    button("more", "More", (e) => openMenu(e, message, view)));
}

async function openMenu(anchor, message, view) {
  const path = `/channels/${message.channel_id}`;
  const found = findChannel(message.channel_id);
  const rest = (method, route, body) => attempt(() => state.acting.rest(method, route, body));
  const apps = await attempt(() => commandsIn(message.channel_id, 3));
  menu(anchor, [
    fromBot(message) && { label: "Show trace", icon: "trace", action: () => openTraceOf(message) },
    !ephemeral(message) && { label: "Reply", icon: "reply", action: () => view.reply(message) },
    editable(message) && { label: "Edit", icon: "edit", action: () => view.edit(message) },
    !ephemeral(message) && found?.guild && !isThread(found.channel) && !message.thread && may("CREATE_PUBLIC_THREADS", message.channel_id) && { label: "Create thread", icon: "thread", action: () => newThreadFrom(message) },
    !ephemeral(message) && (!found?.guild || may("PIN_MESSAGES", message.channel_id) || may("MANAGE_MESSAGES", message.channel_id)) && { label: message.pinned ? "Unpin" : "Pin", icon: "pin", action: () => rest(message.pinned ? "DELETE" : "PUT", `${path}/messages/pins/${message.id}`) },
    message.content && { label: "Copy text", icon: "copy", action: () => navigator.clipboard.writeText(message.content) },
    { label: "Copy message ID", icon: "copy", action: () => navigator.clipboard.writeText(message.id) },
    ...(apps?.length ? ["-", ...apps.map((c) => ({ label: c.name, detail: "App", icon: "spark", action: () => useContextCommand(c, message.channel_id, message.id) }))] : []),
    ephemeral(message) && { label: "Dismiss", icon: "close", action: () => emit("dismiss", message) },
    !ephemeral(message) && (own(message) || may("MANAGE_MESSAGES", message.channel_id)) && found?.guild !== undefined && "-",
    !ephemeral(message) && (own(message) || (found?.guild && may("MANAGE_MESSAGES", message.channel_id))) && { label: "Delete", icon: "trash", danger: true, action: () => remove(message) },
  ].filter(Boolean), { label: "Message actions" });
}

async function remove(message) {
  if (!own(message) && !may("MANAGE_MESSAGES", message.channel_id)) return toast("You may not delete this message.", { kind: "error" });
  if (await confirmFirst("Delete this message?", "It cannot be brought back.")) await attempt(() => state.acting.rest("DELETE", `/channels/${message.channel_id}/messages/${message.id}`));
}
