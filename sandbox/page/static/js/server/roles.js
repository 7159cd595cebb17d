/** Roles: their names, colours, order and permissions, and who has them. */
import { on } from "../core/bus.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { attempt, confirmFirst, dialog } from "../core/layers.js";
import { BITS, inWords } from "../core/permissions.js";
import { colourOf, isAbove, mayInGuild, nameIn, state } from "../core/store.js";
import { avatar } from "../people/avatar.js";
import { field } from "./create.js";

const hex = (role) => `#${(colourOf(role) || 0x99aab5).toString(16).padStart(6, "0")}`;

export function editRoles(guild) {
  const view = dialog({ title: `Roles of ${guild.name}`, wide: true });
  let chosen = [...guild.roles.values()].sort((a, b) => b.position - a.position)[0].id;
  const side = h("div.role-list", { role: "listbox", "aria-label": "Roles" });
  const main = h("div.role-editor");
  fill(view.body, h("div.role-columns", {}, side, main));
  const stop = on("roles", () => {
    if (!view.box.isConnected) return stop();
    if (guild.roles.has(chosen) && main.contains(document.activeElement)) return list();
    return draw();
  });
  const rest = (method, path, body) => attempt(() => state.acting.rest(method, `/guilds/${guild.id}${path}`, body));
  const mayEdit = (role) => mayInGuild("MANAGE_ROLES", guild) && !role.managed && (role.id === guild.id || isAbove(guild, role.position));

  function draw() {
    if (!guild.roles.has(chosen)) chosen = [...guild.roles.values()].sort((a, b) => b.position - a.position)[0].id;
    list();
    editor(guild.roles.get(chosen));
  }

  function list() {
    const roles = [...guild.roles.values()].sort((a, b) => b.position - a.position);
    fill(side, roles.map((role) => h("button.option", { type: "button", role: "option", "aria-selected": String(role.id === chosen), onclick: () => { chosen = role.id; draw(); } }, h("span.role-dot", { style: { "--dot": hex(role) } }), h("span", {}, role.name))),
      mayInGuild("MANAGE_ROLES", guild) ? h("button.option.add", { type: "button", onclick: async () => { const made = await rest("POST", "/roles", { name: "new role", permissions: "0" }); if (made) { guild.roles.set(made.id, made); chosen = made.id; draw(); } } }, icon("plus", 16), "Create a role") : null);
  }

  function editor(role) {
    const editable = mayEdit(role);
    const everyone = role.id === guild.id;
    let bits = BigInt(role.permissions);
    const name = h("input", { type: "text", maxlength: 100, value: role.name, disabled: !editable || everyone });
    const colour = h("input", { type: "color", value: hex(role), disabled: !editable || everyone });
    const hoist = h("input", { type: "checkbox", checked: Boolean(role.hoist), disabled: !editable || everyone });
    const mentionable = h("input", { type: "checkbox", checked: Boolean(role.mentionable), disabled: !editable || everyone });
    const holders = [...guild.members.values()].filter((m) => m.roles.includes(role.id));
    const permissions = Object.keys(BITS).map((permission) => h("label.check-row", {}, h("input", { type: "checkbox", disabled: !editable, checked: Boolean(bits & (1n << BigInt(BITS[permission]))), onchange: (e) => {
      const mask = 1n << BigInt(BITS[permission]);
      bits = e.target.checked ? bits | mask : bits & ~mask;
    } }), h("span", {}, inWords(permission))));
    fill(main, h("form", { onsubmit: async (e) => {
      e.preventDefault();
      const body = { permissions: String(bits) };
      if (!everyone) Object.assign(body, { name: name.value, color: Number.parseInt(colour.value.slice(1), 16), hoist: hoist.checked, mentionable: mentionable.checked });
      await rest("PATCH", `/roles/${role.id}`, body);
    } },
    editable ? null : h("p.notice", {}, role.managed ? "This role belongs to an app." : "You may look, but this role is not yours to change."),
    h("div.inline-fields", {}, field("Name", name), field("Colour", colour)),
    h("label.check-row", {}, hoist, h("span", {}, "Show its members apart")), h("label.check-row", {}, mentionable, h("span", {}, "Anyone may mention it")),
    h("h3", {}, "Permissions"), h("div.permission-grid", {}, permissions),
    everyone ? null : h("h3", {}, `Members (${holders.length})`), everyone ? null : h("div.chips", {}, holders.map((m) => h("span.chip", {}, avatar(m.user, 18), nameIn(guild, m.user.id, m.user),
      editable ? h("button.icon-button.small", { type: "button", "aria-label": `Take the role from ${m.user.username}`, onclick: () => rest("DELETE", `/members/${m.user.id}/roles/${role.id}`).then(draw) }, icon("close", 12)) : null))),
    editable ? h("div.dialog-actions", {}, everyone ? null : h("button.secondary", { type: "button", onclick: () => move(role, 1) }, "Move up"), everyone ? null : h("button.secondary", { type: "button", onclick: () => move(role, -1) }, "Move down"),
      everyone ? null : h("button.danger", { type: "button", onclick: async () => (await confirmFirst(`Delete ${role.name}?`, "Its members lose it.")) && rest("DELETE", `/roles/${role.id}`) }, "Delete"), h("button.primary", { type: "submit" }, "Save")) : null));
  }

  async function move(role, step) {
    await rest("PATCH", "/roles", [{ id: role.id, position: Math.max(1, role.position + step) }]);
  }
  draw();
}
