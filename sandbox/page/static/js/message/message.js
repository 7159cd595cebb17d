/** One message as an element; `update` redraws what changed of it in place. */
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { emit } from "../core/bus.js";
import { timeOf } from "../core/ids.js";
import { colourIn, findChannel, nameIn, state } from "../core/store.js";
import { avatar } from "../people/avatar.js";
import { onlyEmoji } from "../text/emoji.js";
import { parse, plainText } from "../text/parse.js";
import { markdown } from "../text/render.js";
import { formatted, friendly } from "../text/times.js";
import { components } from "./components.js";
import { embed } from "./embeds.js";
import { attachments } from "./media.js";
import { poll } from "./poll.js";
import { reactions } from "./reactions.js";
import { systemLine } from "./system.js";

export const FLAG = { crossposted: 1, suppressEmbeds: 4, thread: 32, ephemeral: 64, loading: 128, components: 1 << 15 };
const GROUP_MS = 7 * 60_000;

/** Whether a message stands under the head of the one before. */
export function continues(message, before) {
  return Boolean(before) && before.author?.id === message.author?.id && before.author?.username === message.author?.username
    && !message.referenced_message && !message.interaction_metadata && !message.interaction && isSpoken(message) && isSpoken(before)
    && (before.flags & FLAG.ephemeral) === (message.flags & FLAG.ephemeral)
    && timeOf(message.id) - timeOf(before.id) < GROUP_MS && timeOf(message.id).toDateString() === timeOf(before.id).toDateString();
}

const isSpoken = (message) => message.type === 0 || message.type === 19 || message.type === 20 || message.type === 23;

function replyLine(message, guild) {
  const used = message.interaction_metadata ?? message.interaction;
  if (used && (message.type === 20 || message.type === 23)) {
    const user = used.user ?? {};
    const name = message.interaction?.name ?? used.name;
    return h("div.reply-line", {}, avatar(user, 16), h("b", {}, nameIn(guild, user.id, user)), ` used `, name ? h("span.mention", {}, message.type === 20 ? `/${name}` : name) : "a command");
  }
  if (message.type !== 19) return null;
  const original = message.referenced_message;
  if (!original) return h("div.reply-line", {}, h("i", {}, "The original message was deleted"));
  return h("button.reply-line", { type: "button", onclick: () => emit("jump", { channelId: message.channel_id, messageId: original.id }), "aria-label": "Go to the message this answers" },
    avatar(original.author, 16), h("b", {}, nameIn(guild, original.author?.id, original.author)), h("span.reply-text", {}, plainText(parse(original.content)).slice(0, 140) || "press to see it"));
}

function content(message, context) {
  if ((message.flags & FLAG.loading) && !message.content && !message.components?.length) {
    return h("div.thinking", {}, h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), `${nameIn(context.guild, message.author.id, message.author)} is thinking`);
  }
  const parts = [];
  if (message.content) {
    const large = onlyEmoji(message.content) ? "large-emoji" : "";
    parts.push(h("div.md.content", { class: large }, markdown(message.content, context), message.edited_timestamp ? h("small.edited", { title: formatted(new Date(message.edited_timestamp), "F") }, " (edited)") : null));
  }
  parts.push(attachments(message.flags & FLAG.components ? [] : message.attachments));
  if (!(message.flags & FLAG.suppressEmbeds)) parts.push((message.embeds ?? []).map((e) => embed(e, context)));
  parts.push(components(message.components, context));
  parts.push((message.sticker_items ?? []).map((s) => h("div.outside", {}, `Sticker: ${s.name}`)));
  if (message.poll) parts.push(poll(message.poll));
  parts.push((message.message_snapshots ?? []).map(({ message: kept }) => forwarded(kept, context)));
  return parts;
}

/** What a forward keeps of another message. */
function forwarded(kept, context) {
  return h("div.forwarded", {}, h("div.forwarded-head", {}, icon("forward", 14), "Forwarded"), content(kept, context),
    h("time", { datetime: kept.timestamp, title: formatted(new Date(kept.timestamp), "F") }, friendly(new Date(kept.timestamp))));
}

function foot(message, context) {
  const parts = [reactions(message)];
  const thread = findThread(message, context.guild) ?? message.thread;
  if (thread) parts.push(h("button.thread-card", { type: "button", onclick: () => emit("go", { channelId: thread.id }) },
    icon("thread", 18), h("b", {}, thread.name), h("span", {}, `${threadCount(thread)} ›`)));
  if (message.flags & FLAG.ephemeral) parts.push(h("div.only-you", {}, icon("eye", 14), "Only you can see this", h("button.link", { type: "button", onclick: () => emit("dismiss", message) }, "Dismiss")));
  return parts;
}

function threadCount({ message_count: count = 0 }) {
  return count === 1 ? "1 message" : `${count} messages`;
}

function findThread(message, guild) {
  return guild?.threads.get(message.id) ?? null;
}

/** The element of a message; `before` is the one above it in the list. */
export function messageView(message, before) {
  const guild = findChannel(message.channel_id)?.guild ?? null;
  const context = { guild, message };
  const time = timeOf(message.id);
  const spoken = isSpoken(message);
  const grouped = continues(message, before);
  const mentioned = message.mention_everyone || message.mentions?.some((u) => u.id === state.me?.id);
  const element = h("article.message", {
    id: `m-${message.id}`, data: { id: message.id, author: message.author?.id ?? "" }, tabindex: -1, role: "article",
    class: `${grouped ? "grouped" : ""} ${message.flags & FLAG.ephemeral ? "ephemeral" : ""} ${mentioned ? "mentioned" : ""}`,
    "aria-label": `${nameIn(guild, message.author?.id, message.author)}, ${friendly(time)}`,
  });
  if (!spoken) {
    element.append(systemLine(message, guild));
    return element;
  }
  const name = nameIn(guild, message.author.id, message.author);
  const colour = message.webhook_id && message.webhook_id !== message.application_id ? "" : colourIn(guild, message.author.id);
  if (!grouped) {
    element.append(replyLine(message, guild) ?? "", h("button.avatar-button", { type: "button", tabindex: -1, "aria-label": `About ${name}`, onclick: (e) => emit("show-user", { id: message.author.id, user: message.author, guild, anchor: e.currentTarget }) }, avatar(message.author, 40)));
  } else {
    element.append(h("time.side-time", { datetime: time.toISOString(), "aria-hidden": "true" }, formatted(time, "t")));
  }
  const body = h("div.message-body");
  if (!grouped) body.append(h("header.message-head", {},
    h("button.author", { type: "button", style: colour ? { color: colour } : {}, onclick: (e) => emit("show-user", { id: message.author.id, user: message.author, guild, anchor: e.currentTarget }) }, name),
    message.author.bot || message.webhook_id ? h("span.tag", {}, message.webhook_id && !message.application_id ? "WEBHOOK" : "APP") : null,
    h("time", { datetime: time.toISOString(), title: formatted(time, "F") }, friendly(time)),
    message.pinned ? h("span.pinned", { title: "Pinned" }, icon("pin", 12)) : null));
  const main = h("div.message-main");
  for (const part of [content(message, context)].flat(Infinity)) if (part) main.append(part);
  const bottom = h("div.message-foot");
  for (const part of foot(message, context)) if (part) bottom.append(part);
  body.append(main, bottom);
  element.append(body);
  return element;
}
