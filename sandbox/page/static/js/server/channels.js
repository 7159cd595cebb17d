/** The channels of a server with their categories and threads; or the direct messages. */
import { emit, on } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { attempt, confirmFirst, menu } from "../core/layers.js";
import { CHANNEL, channelName, channelTree, isForum, mayInGuild, may, state, threadsOf } from "../core/store.js";
import { avatar } from "../people/avatar.js";
import { editChannel, newChannel } from "./create.js";
import { guildMenu } from "./menu.js";

const folded = new Set();
const SIGNS = { [CHANNEL.voice]: "voice", [CHANNEL.stage]: "voice", [CHANNEL.news]: "news", [CHANNEL.forum]: "forum", [CHANNEL.media]: "forum" };

export function channelSign(channel, guild) {
  if (channel.thread_metadata) return "thread";
  const hiddenToAll = guild && (channel.permission_overwrites ?? []).some((o) => o.id === guild.id && BigInt(o.deny) & (1n << 10n));
  return hiddenToAll && channel.type === CHANNEL.text ? "lock" : (SIGNS[channel.type] ?? "hash");
}

export function channelList(footer) {
  const head = h("header.guild-head");
  const list = h("div.channel-list", { role: "tree", "aria-label": "Channels", onkeydown: treeKeys });
  const element = h("nav.channels", { "aria-label": "Channels" }, head, list, footer);
  const draw = () => {
    const guild = state.guilds.get(state.selected.guildId);
    const focused = document.activeElement?.dataset?.channel;
    if (guild) {
      fill(head, h("button.guild-name", { type: "button", "aria-haspopup": "menu", onclick: (e) => guildMenu(e.currentTarget, guild) }, h("b", {}, guild.name), icon("chevron", 18)));
      fill(list, channelTree(guild).map(({ category, channels }) => group(guild, category, channels)));
    } else {
      fill(head, h("div.guild-name", {}, h("b", {}, "Direct messages")));
      const dms = [...state.dms.values()].sort((a, b) => (BigInt(b.last_message_id ?? b.id) > BigInt(a.last_message_id ?? a.id) ? 1 : -1));
      fill(list, dms.length ? dms.map((dm) => row(null, dm, { lead: avatar(dm.recipients?.find((u) => u.id !== state.me.id) ?? dm.recipients?.[0], 32) })) : h("p.muted.pad", {}, "No direct messages yet. Press a member's name to write to them."));
    }
    if (focused) list.querySelector(`[data-channel="${CSS.escape(focused)}"]`)?.focus();
  };
  for (const topic of ["snapshot", "selected", "unread", "channels", "roles"]) on(topic, draw);
  return element;

  function group(guild, category, channels) {
    const rows = channels.flatMap((channel) => [row(guild, channel), ...threadsOf(guild, channel.id).filter(() => !isForum(channel)).map((thread) => row(guild, thread, { inner: true }))]);
    if (!category) return rows;
    if (!channels.length && !mayInGuild("MANAGE_CHANNELS", guild)) return null;
    const closed = folded.has(category.id);
    const keep = closed ? rows.filter((r) => r.classList.contains("current") || r.classList.contains("unread")) : rows;
    return h("div.category", { role: "group", "aria-label": category.name },
      h("div.category-head", {},
        h("button.category-name", { type: "button", "aria-expanded": String(!closed), oncontextmenu: (e) => channelMenu(e, guild, category), onclick: () => { closed ? folded.delete(category.id) : folded.add(category.id); draw(); } }, icon(closed ? "right" : "chevron", 14), category.name),
        mayInGuild("MANAGE_CHANNELS", guild) ? h("button.icon-button.small", { type: "button", "aria-label": `Create a channel in ${category.name}`, title: "Create a channel", onclick: () => newChannel(guild, category.id) }, icon("plus", 16)) : null),
      keep);
  }

  function row(guild, channel, { inner = false, lead } = {}) {
    const unread = state.unread.get(channel.id);
    const current = state.selected.channelId === channel.id || state.selected.threadId === channel.id;
    const name = channelName(channel);
    return h("button.channel", {
      type: "button", role: "treeitem", data: { channel: channel.id }, class: `${inner ? "inner" : ""} ${current ? "current" : ""} ${unread ? "unread" : ""}`, "aria-selected": String(current),
      "aria-label": `${name}${unread?.mentions ? `, ${unread.mentions} mentions` : unread ? ", unread" : ""}`,
      onclick: () => emit("go", { channelId: channel.id }), oncontextmenu: (e) => guild && channelMenu(e, guild, channel),
    }, lead ?? icon(channelSign(channel, guild), inner ? 16 : 19), h("span.channel-name", {}, name),
    unread?.mentions ? h("span.badge", { "aria-hidden": "true" }, unread.mentions) : null,
    guild && !inner && may("MANAGE_CHANNELS", channel.id) ? h("span.channel-edit", { title: "Edit the channel", onclick: (e) => { e.stopPropagation(); editChannel(guild, channel); } }, icon("gear", 15)) : null);
  }
}

function channelMenu(event, guild, channel) {
  event.preventDefault();
  const rest = (method, path, body) => attempt(() => state.acting.rest(method, path, body));
  const manage = channel.thread_metadata ? may("MANAGE_THREADS", channel.id) || channel.owner_id === state.me.id : may("MANAGE_CHANNELS", channel.id);
  menu({ x: event.clientX, y: event.clientY }, [
    { label: "Copy ID", icon: "copy", action: () => navigator.clipboard.writeText(channel.id) },
    manage && !channel.thread_metadata && { label: "Edit", icon: "edit", action: () => editChannel(guild, channel) },
    manage && channel.thread_metadata && { label: "Archive", icon: "lock", action: () => rest("PATCH", `/channels/${channel.id}`, { archived: true }) },
    manage && { label: "Delete", icon: "trash", danger: true, action: async () => (await confirmFirst(`Delete ${channel.name}?`, "It cannot be brought back.")) && rest("DELETE", `/channels/${channel.id}`) },
  ].filter(Boolean), { label: `Actions for ${channel.name}` });
}

function treeKeys(event) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = [...event.currentTarget.querySelectorAll(".channel, .category-name")];
  const at = stops.indexOf(document.activeElement);
  if (at < 0) return;
  event.preventDefault();
  stops[(at + (event.key === "ArrowDown" ? 1 : -1) + stops.length) % stops.length].focus();
}
