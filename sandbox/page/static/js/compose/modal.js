/** Modals: labels with inputs, selects, radio and check boxes, files; both the older rows and the newer labels. */
import { fill, h } from "../core/dom.js";
import { dialog } from "../core/layers.js";
import { findChannel, state } from "../core/store.js";
import { selectField } from "../message/selects.js";
import { markdown } from "../text/render.js";

/** Opens the modal that an interaction brought. */
export function openModal(interactionId, modal) {
  const guild = findChannel(state.selected.threadId ?? state.selected.channelId)?.guild ?? null;
  const view = dialog({ title: modal.title, className: "modal" });
  const fields = [];
  const note = h("div.form-note", { role: "alert" });
  const submit = h("button.primary", { type: "submit" }, "Submit");
  const form = h("form", { onsubmit: (e) => { e.preventDefault(); send(); } },
    modal.components.map((component) => block(component, fields, guild)), note,
    h("div.dialog-actions", {}, h("button.secondary", { type: "button", onclick: () => view.close() }, "Cancel"), submit));
  fill(view.body, form);

  async function send() {
    const values = {};
    const files = [];
    for (const field of fields) {
      const problem = field.problem?.();
      if (problem) {
        note.textContent = problem;
        field.focus?.();
        return;
      }
      if (field.files) files.push([field.id, field.files()]);
      else values[field.id] = field.value();
    }
    submit.disabled = true;
    try {
      let body = { values };
      if (files.some(([, list]) => list.length)) {
        body = new FormData();
        body.append("payload_json", JSON.stringify({ values }));
        for (const [id, list] of files) for (const file of list) body.append(`files[${id}]`, file, file.name);
      }
      const result = await state.acting.control("POST", `/interactions/${interactionId}/modal?wait=5`, body);
      if (result?.state === "failed") throw new Error("Something went wrong: the application did not respond. Try again.");
      view.close();
    } catch (error) {
      note.textContent = error.message;
      submit.disabled = false;
    }
  }
}

function block(component, fields, guild) {
  if (component.type === 1) return component.components.map((inner) => labelled(inner.label ?? "", "", inner, fields, guild));
  if (component.type === 18) return labelled(component.label, component.description ?? "", component.component, fields, guild);
  if (component.type === 10) return h("div.md", {}, markdown(component.content, { guild }));
  return labelled("", "", component, fields, guild);
}

function labelled(text, description, component, fields, guild) {
  const id = `field-${Math.random().toString(36).slice(2)}`;
  const { field, element } = (MAKERS[component.type] ?? unknown)(component, id, text, guild);
  if (field) fields.push({ id: component.custom_id, ...field });
  const needed = component.required !== false && component.type !== 23;
  return h("div.field", {}, h("label", { for: id }, text, needed ? h("span.needed", { "aria-hidden": "true" }, " *") : null), description ? h("p.field-help", {}, description) : null, element);
}

const unknown = (component) => ({ field: null, element: h("p.outside", {}, `A field of type ${component.type}, which the page does not know`) });

const MAKERS = {
  4: (c, id, text) => {
    const attributes = {
      id, name: c.custom_id, placeholder: c.placeholder ?? "", maxlength: c.max_length ?? 4000, minlength: c.min_length ?? null, required: c.required !== false, value: c.value ?? "",
      "aria-required": c.required !== false ? "true" : null, data: { customId: c.custom_id },
    };
    const element = c.style === 2 ? h("textarea", { ...attributes, rows: 5 }) : h("input", { ...attributes, type: "text" });
    return { element, field: { value: () => element.value, focus: () => element.focus(), problem: () => (element.value && c.min_length && element.value.length < c.min_length ? `${text}: at least ${c.min_length} characters` : "") } };
  },
  3: select, 5: select, 6: select, 7: select, 8: select,
  19: (c, id, text) => {
    const element = h("input", { type: "file", id, multiple: (c.max_values ?? 1) > 1, data: { customId: c.custom_id } });
    return { element, field: { files: () => [...element.files], focus: () => element.focus(), problem: () => (c.required !== false && !element.files.length ? `${text}: choose a file` : "") } };
  },
  21: (c, id, text) => group(c, id, text, "radio"),
  22: (c, id, text) => group(c, id, text, "checkbox"),
  23: (c, id) => {
    const element = h("input", { type: "checkbox", id, checked: Boolean(c.default), data: { customId: c.custom_id } });
    return { element, field: { value: () => element.checked, focus: () => element.focus() } };
  },
};

function select(component, id, text, guild) {
  const picker = selectField(component, guild, { id });
  const least = component.required === false ? 0 : picker.least;
  return { element: picker.element, field: { value: () => picker.values(), focus: () => picker.element.focus(), problem: () => (picker.values().length < least ? `${text || component.placeholder}: choose ${least}` : "") } };
}

function group(component, id, text, type) {
  const boxes = component.options.map((option, index) => {
    const box = h("input", { type, name: id, id: index === 0 ? id : null, value: option.value, checked: Boolean(option.default) });
    return { box, row: h("label.check-row", {}, box, h("span", {}, option.label, option.description ? h("small", {}, option.description) : null)) };
  });
  const chosen = () => boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
  const least = component.required === false ? 0 : (component.min_values ?? 1);
  return {
    element: h("fieldset.check-group", { "aria-label": text, data: { customId: component.custom_id } }, boxes.map(({ row }) => row)),
    field: { value: () => (type === "radio" ? (chosen()[0] ?? null) : chosen()), focus: () => boxes[0]?.box.focus(), problem: () => (chosen().length < least ? `${text}: choose at least ${least}` : "") },
  };
}
