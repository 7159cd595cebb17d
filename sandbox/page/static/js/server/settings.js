/** A server's own settings. */
import { fill, h } from "../core/dom.js";
import { attempt, dialog } from "../core/layers.js";
import { state } from "../core/store.js";
import { field } from "./create.js";

export function editServer(guild) {
  const view = dialog({ title: "Server settings" });
  const name = h("input", { type: "text", minlength: 2, maxlength: 100, required: true, value: guild.name });
  const description = h("textarea", { rows: 2, maxlength: 300, value: guild.description ?? "" });
  const levels = [[0, "None"], [1, "Low"], [2, "Medium"], [3, "High"], [4, "Highest"]];
  const verification = h("select", {}, levels.map(([value, text]) => h("option", { value: String(value), selected: guild.verification_level === value }, text)));
  fill(view.body, h("form", { onsubmit: async (e) => {
    e.preventDefault();
    const body = { name: name.value, description: description.value || null, verification_level: Number(verification.value) };
    if (await attempt(() => state.acting.rest("PATCH", `/guilds/${guild.id}`, body))) view.close();
  } }, field("Name", name), field("Description", description), field("Verification", verification),
  h("div.dialog-actions", {}, h("button.secondary", { type: "button", onclick: () => view.close() }, "Cancel"), h("button.primary", { type: "submit" }, "Save"))));
}
