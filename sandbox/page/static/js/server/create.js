/** Creating servers and channels, and editing channels with who may see and use them. */
import { emit } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { attempt, confirmFirst, dialog } from "../core/layers.js";
import { BITS, inWords } from "../core/permissions.js";
import { CHANNEL, nameIn, state } from "../core/store.js";

const TYPES = [[0, "Text"], [2, "Voice"], [5, "Announcement"], [15, "Forum"], [4, "Category"]];
const SHOWN = ["VIEW_CHANNEL", "SEND_MESSAGES", "READ_MESSAGE_HISTORY", "ADD_REACTIONS", "ATTACH_FILES", "EMBED_LINKS", "CREATE_PUBLIC_THREADS", "SEND_MESSAGES_IN_THREADS", "MANAGE_MESSAGES", "MANAGE_CHANNELS", "MANAGE_ROLES", "MANAGE_THREADS", "USE_APPLICATION_COMMANDS", "CONNECT"];

/** A labelled field of a form. */
export function field(text, input, help) {
  return h("label.field", {}, h("span.field-label", {}, text), input, help ? h("small.field-help", {}, help) : null);
}

function actions(view, verb, extra) {
  return h("div.dialog-actions", {}, extra ?? null, h("button.secondary", { type: "button", onclick: () => view.close() }, "Cancel"), h("button.primary", { type: "submit" }, verb));
}

export function newServer() {
  const view = dialog({ title: "Add a server" });
  const name = h("input", { type: "text", required: true, minlength: 2, maxlength: 100, value: `${state.me.global_name ?? state.me.username}'s server` });
  const bots = h("input", { type: "checkbox", checked: true });
  fill(view.body, h("form", { onsubmit: async (e) => {
    e.preventDefault();
    const made = await attempt(() => state.acting.control("POST", "/guilds", { name: name.value, bots: bots.checked }));
    if (made) {
      view.close();
      emit("resync", made.id);
    }
  } }, h("p.muted", {}, "A server of your own to try things in."), field("Name", name),
  h("label.check-row", {}, bots, h("span", {}, "Invite the bots", h("small", {}, "All bots of this sandbox join it"))), actions(view, "Create")));
}

export function newChannel(guild, parentId, type = 0) {
  const view = dialog({ title: type === CHANNEL.category ? "Create a category" : "Create a channel" });
  const name = h("input", { type: "text", required: true, maxlength: 100, placeholder: type === 4 ? "New category" : "new-channel" });
  const kind = h("select", {}, TYPES.map(([value, text]) => h("option", { value: String(value), selected: value === type }, text)));
  const hidden = h("input", { type: "checkbox" });
  fill(view.body, h("form", { onsubmit: async (e) => {
    e.preventDefault();
    const body = { name: name.value, type: Number(kind.value) };
    if (parentId && body.type !== CHANNEL.category) body.parent_id = parentId;
    if (hidden.checked) body.permission_overwrites = [{ id: guild.id, type: 0, allow: "0", deny: String(1n << 10n) }, { id: state.me.id, type: 1, allow: String(1n << 10n), deny: "0" }];
    const made = await attempt(() => state.acting.rest("POST", `/guilds/${guild.id}/channels`, body));
    if (made) {
      view.close();
      if (made.type !== CHANNEL.category) emit("go", { channelId: made.id });
    }
  } }, type === 4 ? null : field("Kind", kind), field("Name", name), h("label.check-row", {}, hidden, h("span", {}, "Private", h("small", {}, "Only you and those you let in can see it"))), actions(view, "Create")));
}

export function editChannel(guild, channel) {
  const view = dialog({ title: `Edit ${channel.name}`, wide: true });
  const name = h("input", { type: "text", required: true, maxlength: 100, value: channel.name });
  const topic = h("textarea", { rows: 2, maxlength: 1024, value: channel.topic ?? "" });
  const slow = h("input", { type: "number", min: 0, max: 21600, value: channel.rate_limit_per_user ?? 0 });
  const parents = [...guild.channels.values()].filter((c) => c.type === CHANNEL.category);
  const parent = h("select", {}, h("option", { value: "" }, "No category"), parents.map((c) => h("option", { value: c.id, selected: c.id === channel.parent_id }, c.name)));
  const isCategory = channel.type === CHANNEL.category;
  const tags = channel.type === CHANNEL.forum ? h("input", { type: "text", value: (channel.available_tags ?? []).map((t) => t.name).join(", ") }) : null;
  const form = h("form", { onsubmit: async (e) => {
    e.preventDefault();
    const body = { name: name.value };
    if (!isCategory) body.parent_id = parent.value || null;
    if (!isCategory && channel.type !== CHANNEL.voice) Object.assign(body, { topic: topic.value || null, rate_limit_per_user: Number(slow.value) });
    if (tags) body.available_tags = tags.value.split(",").map((t) => t.trim()).filter(Boolean).map((t) => (channel.available_tags ?? []).find((known) => known.name === t) ?? { name: t });
    if (await attempt(() => state.acting.rest("PATCH", `/channels/${channel.id}`, body))) view.close();
  } }, field("Name", name), isCategory ? null : field("Category", parent), isCategory || channel.type === 2 ? null : field("Topic", topic), isCategory || channel.type === 2 ? null : field("Slow mode, seconds", slow),
  tags ? field("Tags", tags, "Separated by commas") : null,
  actions(view, "Save", h("button.danger", { type: "button", onclick: async () => {
    if (await confirmFirst(`Delete ${channel.name}?`, "It cannot be brought back.")) {
      view.close();
      await attempt(() => state.acting.rest("DELETE", `/channels/${channel.id}`));
    }
  } }, "Delete")));
  fill(view.body, h("div.two-columns", {}, form, overwrites(guild, channel)));
}

/** Who may do what in a channel: a role or a person at a time, each permission denied, inherited or allowed. */
function overwrites(guild, channel) {
  const box = h("section.overwrites", { "aria-label": "Permissions in this channel" });
  const list = () => guild.channels.get(channel.id)?.permission_overwrites ?? [];
  let chosen = list()[0]?.id ?? guild.id;
  const targetName = (id) => (guild.roles.has(id) ? `@${guild.roles.get(id).name.replace(/^@/, "")}` : nameIn(guild, id));
  const draw = () => {
    const targets = [...guild.roles.values()].sort((a, b) => b.position - a.position).map((r) => r.id).concat([...guild.members.keys()]);
    const current = list().find((o) => o.id === chosen) ?? { allow: "0", deny: "0" };
    fill(box, h("h3", {}, "Permissions here"),
      field("For", h("select", { onchange: (e) => { chosen = e.target.value; draw(); } }, targets.map((id) => h("option", { value: id, selected: id === chosen }, `${targetName(id)}${list().some((o) => o.id === id) ? " (set)" : ""}`)))),
      h("div.permission-rows", {}, SHOWN.map((permission) => three(permission, current, save))));
  };
  async function save(permission, state3) {
    const current = list().find((o) => o.id === chosen) ?? { allow: "0", deny: "0" };
    const mask = 1n << BigInt(BITS[permission]);
    let allow = BigInt(current.allow) & ~mask;
    let deny = BigInt(current.deny) & ~mask;
    if (state3 === "allow") allow |= mask;
    if (state3 === "deny") deny |= mask;
    const body = { type: guild.roles.has(chosen) ? 0 : 1, allow: String(allow), deny: String(deny) };
    await attempt(() => state.acting.rest("PUT", `/channels/${channel.id}/permissions/${chosen}`, body));
    const known = guild.channels.get(channel.id);
    if (known) known.permission_overwrites = [...list().filter((o) => o.id !== chosen), { id: chosen, ...body }];
    draw();
  }
  draw();
  return box;
}

function three(permission, current, save) {
  const mask = 1n << BigInt(BITS[permission]);
  const now = BigInt(current.allow) & mask ? "allow" : BigInt(current.deny) & mask ? "deny" : "inherit";
  const choice = (value, sign, text) => h("button", { type: "button", role: "radio", "aria-checked": String(now === value), "aria-label": `${inWords(permission)}: ${text}`, title: text, class: `tri ${value} ${now === value ? "on" : ""}`, onclick: () => save(permission, value) }, sign);
  return h("div.permission-row", { role: "radiogroup", "aria-label": inWords(permission) }, h("span", {}, inWords(permission)), h("span.tri-group", {}, choice("deny", "✕", "denied"), choice("inherit", "/", "inherited"), choice("allow", "✓", "allowed")));
}
