/** Embeds. */
import { h } from "../core/dom.js";
import { markdown, safeUrl } from "../text/render.js";
import { friendly } from "../text/times.js";
import { picture } from "./media.js";

const hex = (colour) => (Number.isInteger(colour) ? `#${colour.toString(16).padStart(6, "0")}` : null);

function linked(text, url, context) {
  const href = url ? safeUrl(url) : null;
  return href ? h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text) : h("span", {}, context ? markdown(text, context) : text);
}

export function embed(data, context) {
  const fields = (data.fields ?? []).map((field) =>
    h("div.embed-field", { class: field.inline ? "inline" : "" }, h("div.embed-field-name", {}, markdown(field.name, context)), h("div.md", {}, markdown(field.value, context))));
  const foot = [data.footer?.text, data.timestamp ? friendly(new Date(data.timestamp)) : null].filter(Boolean).join(" • ");
  return h("article.embed", { style: hex(data.color) ? { "--accent-line": hex(data.color) } : {} },
    h("div.embed-grid", {},
      h("div.embed-main", {},
        data.provider?.name ? h("div.embed-provider", {}, data.provider.name) : null,
        data.author ? h("div.embed-author", {}, linked(data.author.name, data.author.url)) : null,
        data.title ? h("div.embed-title", {}, linked(data.title, data.url, context)) : null,
        data.description ? h("div.embed-description.md", {}, markdown(data.description, context)) : null,
        fields.length ? h("div.embed-fields", {}, fields) : null),
      data.thumbnail ? h("div.embed-thumb", {}, picture(data.thumbnail)) : null),
    data.image ? h("div.embed-image", {}, picture(data.image)) : null,
    foot ? h("footer.embed-foot", {}, foot) : null);
}
