/** Markdown nodes to elements. Every text is a text node; addresses are checked before they become links. */
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { findChannel, channelName, isThread, nameIn, state, colourOf } from "../core/store.js";
import { emit } from "../core/bus.js";
import { emojiNamed } from "./emoji.js";
import { highlighted } from "./highlight.js";
import { parse } from "./parse.js";
import { formatted, relative } from "./times.js";

/** A fragment for a text; `context` is {guild} for names and roles. */
export function markdown(text, context = {}) {
  const fragment = document.createDocumentFragment();
  for (const node of parse(text)) fragment.append(element(node, context));
  return fragment;
}

/** Whether an address may be a link: http and https alone. */
export function safeUrl(url) {
  try {
    const parsed = new URL(url, location.href);
    return parsed.protocol === "https:" || parsed.protocol === "http:" ? parsed.href : null;
  } catch {
    return null;
  }
}

const many = (nodes, context) => (nodes ?? []).map((node) => element(node, context));

const MAKERS = {
  text: (n) => document.createTextNode(n.text),
  paragraph: (n, c) => h("p", {}, many(n.children, c)),
  quote: (n, c) => h("blockquote", {}, many(n.children, c)),
  heading: (n, c) => h(`h${n.level + 2}.md-h${n.level}`, {}, many(n.children, c)),
  subtext: (n, c) => h("p.subtext", {}, many(n.children, c)),
  list: (n, c) => h(n.ordered ? "ol" : "ul", n.ordered && n.start !== 1 ? { start: n.start } : {}, many(n.children, c)),
  item: (n, c) => h("li", {}, many(n.children, c)),
  strong: (n, c) => h("strong", {}, many(n.children, c)),
  em: (n, c) => h("em", {}, many(n.children, c)),
  u: (n, c) => h("u", {}, many(n.children, c)),
  s: (n, c) => h("s", {}, many(n.children, c)),
  code: (n) => h("code.inline", {}, n.text),
  codeblock: (n) =>
    h("div.codeblock", {},
      h("div.codeblock-head", {}, h("span", {}, n.language || "text"),
        h("button.ghost", { type: "button", onclick: (e) => copy(e.currentTarget, n.text), "aria-label": "Copy the code" }, icon("copy", 14), "Copy")),
      h("pre", { tabindex: 0 }, highlighted(n.text, n.language))),
  spoiler: (n, c) => spoiler(h("span", {}, many(n.children, c))),
  user: (n, c) => mention(`@${nameIn(c.guild, n.id)}`, "", (e) => emit("show-user", { id: n.id, guild: c.guild, anchor: e.currentTarget }), n.id === state.me?.id),
  role: (n, c) => {
    const role = c.guild?.roles.get(n.id);
    const colour = role && colourOf(role) ? `#${colourOf(role).toString(16).padStart(6, "0")}` : "";
    return mention(`@${role?.name ?? "unknown role"}`, colour, null);
  },
  channel: (n) => {
    const found = findChannel(n.id);
    if (!found) return mention("#unknown", "", null);
    return h("button.mention", { type: "button", onclick: () => emit("go", { channelId: n.id }) }, icon(isThread(found.channel) ? "thread" : "hash", 14), channelName(found.channel));
  },
  command: (n) => mention(`/${n.name}`, "", () => emit("compose-command", n.name)),
  everyone: (n) => h("span.mention.mention-me", {}, n.text),
  emoji: (n) => h("span.custom-emoji", { title: `:${n.name}:`, role: "img", "aria-label": n.name }, `:${n.name}:`),
  shortcode: (n) => document.createTextNode(emojiNamed(n.name) ?? `:${n.name}:`),
  time: (n) => timestamp(n),
  link: (n, c) => {
    const href = safeUrl(n.url);
    return href ? h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, many(n.children, c)) : h("span", {}, many(n.children, c));
  },
};

function element(node, context) {
  return MAKERS[node.type](node, context);
}

function mention(text, colour, onclick, mine = false) {
  const style = colour ? { "--mention": colour } : {};
  const classes = mine ? "mention.mention-me" : "mention";
  return onclick ? h(`button.${classes}`, { type: "button", onclick, style }, text) : h(`span.${classes}`, { style }, text);
}

/** Something hidden until it is pressed. */
export function spoiler(content) {
  const cover = h("span.spoiler", { role: "button", tabindex: 0, "aria-label": "Spoiler: press to show", "aria-expanded": "false" }, content);
  const show = () => {
    cover.classList.add("shown");
    cover.setAttribute("aria-expanded", "true");
    cover.removeAttribute("aria-label");
  };
  cover.addEventListener("click", show);
  cover.addEventListener("keydown", (e) => (e.key === "Enter" || e.key === " ") && show());
  return cover;
}

function timestamp({ seconds, style }) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return h("span.timestamp", {}, "an unknown time");
  const live = style === "R" ? { data: { relative: "" } } : {};
  return h("time.timestamp", { datetime: date.toISOString(), title: formatted(date, "F"), ...live }, style === "R" ? relative(date) : formatted(date, style));
}

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  button.lastChild.textContent = "Copied";
  setTimeout(() => (button.lastChild.textContent = "Copy"), 1500);
}
