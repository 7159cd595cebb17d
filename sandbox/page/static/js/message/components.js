/** Message components, V1 and V2: what they look like and what pressing them does. */
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { safeUrl, markdown, spoiler } from "../text/render.js";
import { emit } from "../core/bus.js";
import { attachmentView, picture } from "./media.js";
import { selectMenu } from "./selects.js";

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link-button", 6: "primary" };
const hex = (colour) => `#${colour.toString(16).padStart(6, "0")}`;

/** The components of a message. `context` is {message, guild}. */
export function components(list, context) {
  if (!list?.length) return null;
  return h("div.components", {}, list.map((component) => one(component, context)));
}

function one(component, context) {
  return (MAKERS[component.type] ?? unknown)(component, context);
}

const many = (list, context) => (list ?? []).map((component) => one(component, context));

const MAKERS = {
  1: (c, context) => h("div.action-row", {}, many(c.components, context)),
  2: button,
  3: selectMenu, 5: selectMenu, 6: selectMenu, 7: selectMenu, 8: selectMenu,
  9: (c, context) => h("div.section", {}, h("div.section-text", {}, many(c.components, context)), c.accessory ? h("div.accessory", {}, one(c.accessory, context)) : null),
  10: (c, context) => h("div.text-display.md", {}, markdown(c.content, context)),
  11: (c) => hidden(c, picture(c.media, { alt: c.description ?? "", className: "thumbnail" })),
  12: (c) => h("div.gallery", { data: { count: Math.min(c.items.length, 10) } }, c.items.map((item) => hidden(item, picture(item.media, { alt: item.description ?? "" })))),
  13: (c, context) => hidden(c, attachmentView(fileOf(c, context))),
  14: (c) => h("div.separator", { role: "separator", class: `${c.divider === false ? "bare" : ""} ${c.spacing === 2 ? "large" : ""}` }),
  17: (c, context) => hidden(c, h("div.container", { style: Number.isInteger(c.accent_color) ? { "--accent-line": hex(c.accent_color) } : {} }, many(c.components, context))),
};

const hidden = (component, view) => (component.spoiler ? spoiler(view) : view);

function unknown(component) {
  return h("div.outside", {}, `A component of type ${component.type}, which the page does not know`);
}

function fileOf(component, { message }) {
  const name = component.name ?? component.file?.url?.replace("attachment://", "").split(/[/?]/).filter(Boolean).at(-1);
  return message?.attachments?.find((a) => a.url === component.file?.url || a.filename === name) ?? { filename: name, size: component.size, url: component.file?.url };
}

/** What stands on a button or an option: an emoji and a text. */
export function label(emoji, text) {
  return [emoji ? h("span.component-emoji", {}, emoji.id ? `:${emoji.name}:` : emoji.name) : null, text ?? null];
}

function button(component, context) {
  const content = label(component.emoji, component.label);
  const named = component.label ? {} : { "aria-label": component.emoji?.name ?? "Button" };
  if (component.style === 5) {
    const href = safeUrl(component.url ?? "");
    return h("a.button.link-button", { ...named, href: component.disabled ? null : href, target: "_blank", rel: "noopener noreferrer nofollow", "aria-disabled": component.disabled ? "true" : null }, content, icon("link", 14));
  }
  const element = h(`button.component-button.${STYLES[component.style] ?? "secondary"}`, { type: "button", disabled: Boolean(component.disabled), ...named, data: { customId: component.custom_id ?? "" } }, content);
  element.addEventListener("click", () => use(element, component, undefined, context));
  return element;
}

/** Uses a component: it shows that it waits until the bot answered or failed to. */
export function use(element, component, values, context) {
  element.classList.add("waiting");
  element.setAttribute("aria-busy", "true");
  const done = () => {
    element.classList.remove("waiting");
    element.removeAttribute("aria-busy");
  };
  emit("use-component", { message: context.message, customId: component.custom_id, values, done, failed: (text) => showFailure(element, text) });
}

function showFailure(element, text) {
  const row = element.closest(".action-row, .section, .components") ?? element.parentElement;
  let note = row.parentElement?.querySelector(":scope > .component-failure");
  if (!note) row.after((note = h("div.component-failure", { role: "alert" })));
  fill(note, icon("warning", 14), text);
}
