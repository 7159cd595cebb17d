/** A person's card: who they are, their roles, and what the reader may do with them. */
import { emit, on } from "../core/bus.js";
import { append, fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { timeOf } from "../core/ids.js";
import { attempt, confirmFirst, menu, popover } from "../core/layers.js";
import { colourIn, colourOf, highest, isAbove, mayInGuild, nameIn, state, userName } from "../core/store.js";
import { commandsIn, useContextCommand } from "../compose/commands.js";
import { formatted } from "../text/times.js";
import { avatar, hueOf } from "./avatar.js";

const TIMEOUTS = [[60, "1 minute"], [600, "10 minutes"], [3600, "1 hour"], [86_400, "1 day"], [604_800, "1 week"]];

on("show-user", ({ id, user, guild, anchor, side }) => show(id, user ?? state.users.get(id), guild, anchor, side));

async function show(id, user, guild, anchor, side = "right") {
  const { box, close, place } = popover(anchor, { className: "profile", label: `About ${userName(user)}`, side });
  const member = guild?.members.get(id);
  const rest = (method, path, body, reason) => attempt(() => state.acting.rest(method, `/guilds/${guild.id}${path}`, body, reason));
  const above = Boolean(member) && id !== guild.owner_id && isAbove(guild, highest(guild, id));
  const colour = colourIn(guild, id);
  const roles = (member?.roles ?? []).map((r) => guild.roles.get(r)).filter(Boolean).sort((a, b) => b.position - a.position);
  fill(box, h("div.profile-banner", { style: { "--hue": hueOf(id) } }), h("div.profile-head", {}, avatar(user, 72)),
    h("div.profile-body", {}, h("h2", { style: colour ? { color: colour } : {} }, guild ? nameIn(guild, id, user) : userName(user), user?.bot ? h("span.tag", {}, "APP") : null), h("p.muted", {}, user?.username ?? ""),
      member ? h("dl.facts", {}, h("dt", {}, "Member since"), h("dd", {}, formatted(new Date(member.joined_at), "D")), h("dt", {}, "Account made"), h("dd", {}, formatted(timeOf(id), "D")),
        member.communication_disabled_until && new Date(member.communication_disabled_until) > Date.now() ? [h("dt", {}, "Timed out until"), h("dd", {}, formatted(new Date(member.communication_disabled_until), "f"))] : null) : null,
      guild ? h("div.chips", {}, roles.map((role) => chip(role)), mayInGuild("MANAGE_ROLES", guild) && member ? h("button.chip.add", { type: "button", "aria-label": "Give a role", onclick: (e) => give(e.currentTarget) }, icon("plus", 12), "Role") : null) : null,
      h("div.profile-actions", {}, id !== state.me.id ? h("button.primary", { type: "button", onclick: () => write() }, "Message") : null,
        above && (mayInGuild("MODERATE_MEMBERS", guild) || mayInGuild("KICK_MEMBERS", guild)) ? h("button.secondary", { type: "button", onclick: (e) => moderate(e.currentTarget) }, "Moderate") : null,
        state.people.some((p) => p.id === id && !p.bot) && id !== state.me.id ? h("button.secondary", { type: "button", onclick: () => { close(); emit("become", id); } }, "Be this person") : null)));
  place();
  queueMicrotask(() => box.querySelector("button")?.focus());
  const apps = state.selected.channelId && member ? await attempt(() => commandsIn(state.selected.channelId, 2)) : [];
  if (apps?.length) append(box.querySelector(".profile-body"), h("div.profile-actions", {}, apps.map((c) => h("button.secondary", { type: "button", onclick: () => { close(); useContextCommand(c, state.selected.channelId, id); } }, icon("spark", 14), c.name))));

  function chip(role) {
    const removable = mayInGuild("MANAGE_ROLES", guild) && !role.managed && isAbove(guild, role.position);
    return h("span.chip", {}, h("span.role-dot", { style: { "--dot": colourOf(role) ? `#${colourOf(role).toString(16).padStart(6, "0")}` : "var(--muted)" } }), role.name,
      removable ? h("button.icon-button.small", { type: "button", "aria-label": `Take the role ${role.name}`, onclick: () => rest("DELETE", `/members/${id}/roles/${role.id}`).then(close) }, icon("close", 12)) : null);
  }
  function give(button) {
    const free = [...guild.roles.values()].filter((r) => r.id !== guild.id && !r.managed && !member.roles.includes(r.id) && isAbove(guild, r.position));
    menu(button, free.length ? free.map((r) => ({ label: r.name, action: () => rest("PUT", `/members/${id}/roles/${r.id}`) })) : [{ label: "No role to give", disabled: true, action() {} }], { label: "Give a role" });
  }
  function moderate(button) {
    menu(button, [
      ...(mayInGuild("MODERATE_MEMBERS", guild) ? TIMEOUTS.map(([seconds, text]) => ({ label: `Time out for ${text}`, action: () => rest("PATCH", `/members/${id}`, { communication_disabled_until: new Date(Date.now() + seconds * 1000).toISOString() }) })) : []),
      mayInGuild("MODERATE_MEMBERS", guild) && { label: "Lift the time-out", action: () => rest("PATCH", `/members/${id}`, { communication_disabled_until: null }) },
      "-",
      mayInGuild("KICK_MEMBERS", guild) && { label: "Kick", danger: true, action: async () => (await confirmFirst(`Kick ${userName(user)}?`, "They can come back.", "Kick")) && rest("DELETE", `/members/${id}`) },
      mayInGuild("BAN_MEMBERS", guild) && { label: "Ban", danger: true, action: async () => (await confirmFirst(`Ban ${userName(user)}?`, "They cannot come back until the ban is lifted.", "Ban")) && rest("PUT", `/bans/${id}`, {}) },
    ].filter(Boolean), { label: "Moderate" });
  }
  async function write() {
    close();
    const dm = await attempt(() => state.acting.rest("POST", "/users/@me/channels", { recipient_id: id }));
    if (!dm) return;
    state.dms.set(dm.id, { ...state.dms.get(dm.id), ...dm });
    emit("channels", dm);
    emit("go", { channelId: dm.id });
  }
}
