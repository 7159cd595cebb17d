/** System messages in a line: joins, pins, threads, names. */
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { emit } from "../core/bus.js";
import { timeOf } from "../core/ids.js";
import { nameIn } from "../core/store.js";
import { markdown } from "../text/render.js";
import { friendly } from "../text/times.js";

const LINES = {
  1: ["people", (m) => ["added ", m.mentions?.[0]?.username ?? "someone"]],
  2: ["people", (m) => ["removed ", m.mentions?.[0]?.username ?? "someone"]],
  4: ["edit", (m) => ["changed the name to ", h("b", {}, m.content)]],
  6: ["pin", (m) => ["pinned ", h("button.link", { type: "button", onclick: () => emit("jump", { channelId: m.message_reference?.channel_id ?? m.channel_id, messageId: m.message_reference?.message_id }) }, "a message"), " to this channel"]],
  7: ["people", () => ["joined the server"]],
  18: ["thread", (m, guild) => ["started a thread: ", h("button.link", { type: "button", onclick: () => emit("go", { channelId: m.message_reference?.channel_id ?? m.thread?.id }) }, guild?.threads.get(m.message_reference?.channel_id)?.name ?? (m.content || "open it"))]],
  24: ["warning", (m) => ["AutoMod (", m.embeds?.[0]?.fields?.find((f) => f.name === "rule_name")?.value ?? "a rule", ") stopped: ", m.embeds?.[0]?.description ?? ""]],
  21: ["thread", (m, guild) => ["began this thread with: ", m.referenced_message?.content ? h("div.md", {}, markdown(m.referenced_message.content.slice(0, 200), { guild })) : "a message"]],
};

export function systemLine(message, guild) {
  const [name, words] = LINES[message.type] ?? ["spark", (m) => (m.content ? [markdown(m.content, { guild })] : [`did something (type ${m.type})`])];
  return h("div.system-line", {}, h("span.system-icon", {}, icon(name, 18)), h("div", {}, h("b", {}, nameIn(guild, message.author?.id, message.author)), " ", words(message, guild), h("time", {}, ` ${friendly(timeOf(message.id))}`)));
}
