/**
 * Discord's markdown as a tree. Blocks: code fences, quotes, headings, subtext, lists. Inlines: bold, italic, underline,
 * strike, spoiler, code, links, masked links, mentions, emoji, timestamps. Source: Discord's "Markdown Text 101" page.
 * Nodes are plain objects `{type, …, children}`; `render.js` turns them into elements.
 */

const MOST_DEPTH = 12;

/** The blocks of a text. */
export function parse(text) {
  return blocks(String(text ?? ""), 0);
}

const FENCE = /```(?:([\w+#.-]*)\n)?([\s\S]*?)```/;

function blocks(text, depth) {
  const nodes = [];
  let rest = text;
  while (rest) {
    const fence = FENCE.exec(rest);
    const plain = fence ? rest.slice(0, fence.index) : rest;
    nodes.push(...lines(fence ? plain.replace(/\n$/, "") : plain, depth));
    if (!fence) break;
    nodes.push({ type: "codeblock", language: fence[1] ?? "", text: fence[2].replace(/\n$/, "") });
    rest = rest.slice(fence.index + fence[0].length).replace(/^\n/, "");
  }
  return nodes;
}

const ITEM = /^( *)([-*]|\d{1,9}\.) +(.+)$/;

function lines(text, depth) {
  if (!text) return [];
  const nodes = [];
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) nodes.push({ type: "paragraph", children: inlines(paragraph.join("\n"), depth) });
    paragraph = [];
  };
  const all = text.split("\n");
  for (let i = 0; i < all.length; i++) {
    const line = all[i];
    const heading = /^(#{1,3}) +(.+?)(?: +#+)?$/.exec(line);
    const subtext = /^-# +(.+)$/.exec(line);
    if (/^>>> /.test(line)) {
      flush();
      const inner = [line.slice(4), ...all.slice(i + 1)].join("\n");
      nodes.push({ type: "quote", children: depth < MOST_DEPTH ? blocks(inner, depth + 1) : inlines(inner, depth) });
      return nodes;
    }
    if (/^> /.test(line)) {
      flush();
      const quoted = [];
      while (i < all.length && /^> ?/.test(all[i]) && (all[i].startsWith("> ") || all[i] === ">")) quoted.push(all[i++].replace(/^> ?/, ""));
      i -= 1;
      nodes.push({ type: "quote", children: lines(quoted.join("\n"), depth + 1) });
    } else if (heading) {
      flush();
      nodes.push({ type: "heading", level: heading[1].length, children: inlines(heading[2], depth) });
    } else if (subtext) {
      flush();
      nodes.push({ type: "subtext", children: inlines(subtext[1], depth) });
    } else if (ITEM.test(line)) {
      flush();
      const items = [];
      while (i < all.length && ITEM.test(all[i])) items.push(ITEM.exec(all[i++]));
      i -= 1;
      nodes.push(...list(items, depth));
    } else {
      paragraph.push(line);
    }
  }
  flush();
  return nodes;
}

/** Nested lists out of items with their indentation. */
function list(items, depth) {
  const roots = [];
  const open = [];
  for (const [, indent, marker, text] of items) {
    const level = Math.min(indent.length, 20);
    while (open.length && open.at(-1).level > level) open.pop();
    const ordered = marker.length > 1;
    if (open.length && open.at(-1).level === level && open.at(-1).node.ordered !== ordered) open.pop();
    if (!open.length || open.at(-1).level < level) {
      const node = { type: "list", ordered, start: ordered ? Number.parseInt(marker, 10) : 1, children: [] };
      if (open.length && open.length < MOST_DEPTH) open.at(-1).node.children.at(-1).children.push(node);
      else roots.push(node);
      open.push({ level, node });
    }
    open.at(-1).node.children.push({ type: "item", children: inlines(text, depth) });
  }
  return roots;
}

/** The inline rules, tried in this order at each place; `content` rules parse what they hold. */
const RULES = [
  { name: "escape", at: "\\", pattern: /\\([!-/:-@[-`{-~])/y, make: (m) => ({ type: "text", text: m[1] }) },
  { name: "code", at: "`", pattern: /(`{1,2})((?:(?!\1)[\s\S])+?)\1(?!`)/y, make: (m) => ({ type: "code", text: m[2] }) },
  { name: "user", at: "<", pattern: /<@!?(\d{1,20})>/y, make: (m) => ({ type: "user", id: m[1] }) },
  { name: "role", at: "<", pattern: /<@&(\d{1,20})>/y, make: (m) => ({ type: "role", id: m[1] }) },
  { name: "channel", at: "<", pattern: /<#(\d{1,20})>/y, make: (m) => ({ type: "channel", id: m[1] }) },
  { name: "command", at: "<", pattern: /<\/([\w -]{1,100}):(\d{1,20})>/y, make: (m) => ({ type: "command", name: m[1], id: m[2] }) },
  { name: "emoji", at: "<", pattern: /<(a?):(\w{2,32}):(\d{1,20})>/y, make: (m) => ({ type: "emoji", name: m[2], id: m[3], animated: Boolean(m[1]) }) },
  { name: "time", at: "<", pattern: /<t:(-?\d{1,13})(?::([tTdDfFRsS]))?>/y, make: (m) => ({ type: "time", seconds: Number(m[1]), style: m[2] ?? "f" }) },
  { name: "quiet", at: "<", pattern: /<(https?:\/\/[^\s<>]+)>/y, make: (m) => link(m[1], null) },
  { name: "masked", at: "[", pattern: /\[((?:[^[\]\\]|\\.){1,500})\]\(<?(https?:\/\/[^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?: "[^"]*")?\)/y, make: (m, inner) => link(m[2], inner(m[1])) },
  { name: "url", at: "h", pattern: /https?:\/\/[^\s<>]+[^\s<>.,:;"'\]!?]/y, make: (m) => link(balanced(m[0]), null), length: (m) => balanced(m[0]).length },
  { name: "everyone", at: "@", pattern: /@(everyone|here)\b/y, make: (m) => ({ type: "everyone", text: m[0] }) },
  { name: "spoiler", at: "|", pattern: /\|\|([\s\S]+?)\|\|/y, make: (m, inner) => ({ type: "spoiler", children: inner(m[1]) }) },
  { name: "bold", at: "*", pattern: /\*\*((?:\\.|[^\\])+?)\*\*(?!\*)/ys, make: (m, inner) => ({ type: "strong", children: inner(m[1]) }) },
  { name: "underline", at: "_", pattern: /__((?:\\.|[^\\])+?)__(?!_)/ys, make: (m, inner) => ({ type: "u", children: inner(m[1]) }) },
  { name: "strike", at: "~", pattern: /~~([\s\S]+?)~~(?!_)/y, make: (m, inner) => ({ type: "s", children: inner(m[1]) }) },
  { name: "italic", at: "*", pattern: /\*(?![\s*])((?:\\.|\*\*[^*]+\*\*|[^\\*])+?)(?<!\s)\*(?!\*)/ys, make: (m, inner) => ({ type: "em", children: inner(m[1]) }) },
  { name: "emphasis", at: "_", pattern: /(?<![\p{L}\p{N}])_((?:\\.|__[^_]+__|[^\\_])+?)_(?![\p{L}\p{N}_])/uy, make: (m, inner) => ({ type: "em", children: inner(m[1]) }) },
  { name: "shortcode", at: ":", pattern: /:([a-z0-9_+-]{2,32}):/y, make: (m) => ({ type: "shortcode", name: m[1] }) },
];
const STARTS = new Map();
for (const rule of RULES) STARTS.set(rule.at, [...(STARTS.get(rule.at) ?? []), rule]);

function link(url, children) {
  return { type: "link", url, children: children ?? [{ type: "text", text: url }] };
}

/** An address without the brackets that belong to the sentence around it. */
function balanced(url) {
  let text = url;
  while (text.endsWith(")") && (text.match(/\(/g) ?? []).length < (text.match(/\)/g) ?? []).length) text = text.slice(0, -1);
  return text;
}

export function inlines(text, depth = 0) {
  const nodes = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain) nodes.push({ type: "text", text: plain });
    plain = "";
  };
  while (at < text.length) {
    const rules = depth < MOST_DEPTH ? STARTS.get(text[at]) : undefined;
    let matched = false;
    for (const rule of rules ?? []) {
      rule.pattern.lastIndex = at;
      const match = rule.pattern.exec(text);
      if (!match) continue;
      flush();
      nodes.push(rule.make(match, (inner) => inlines(inner, depth + 1)));
      at += rule.length?.(match) ?? match[0].length;
      matched = true;
      break;
    }
    if (!matched) plain += text[at++];
  }
  flush();
  return nodes;
}

/** The text without its marks, for previews and screen readers. */
export function plainText(nodes) {
  return nodes
    .map((n) => n.text ?? (n.children ? plainText(n.children) : n.type === "user" ? "@someone" : n.type === "channel" ? "#channel" : ""))
    .join(" ")
    .replace(/\s+/g, " ")
    .trim();
}
