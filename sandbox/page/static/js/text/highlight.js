/** Code colouring by one tokenizer with a table of languages: comments, strings, numbers, keywords, calls. */
import { h } from "../core/dom.js";

const C_LIKE = { line: "//", block: ["/*", "*/"], strings: `"'\`` };
const HASH = { line: "#", strings: `"'` };
const words = (text) => new Set(text.split(" "));
const LANGUAGES = {
  js: { ...C_LIKE, keywords: words("async await break case catch class const continue default delete do else export extends false finally for from function if import in instanceof let new null of return static super switch this throw true try typeof undefined var void while yield") },
  ts: { ...C_LIKE, keywords: words("abstract any as async await boolean break case catch class const continue declare default do else enum export extends false finally for from function if implements import in interface keyof let new null number of private public readonly return static string super switch this throw true try type typeof undefined unknown void while") },
  python: { ...HASH, triple: true, keywords: words("and as assert async await break class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try while with yield") },
  rust: { ...C_LIKE, strings: `"`, keywords: words("as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while") },
  go: { ...C_LIKE, keywords: words("break case chan const continue default defer else false fallthrough for func go goto if import interface map nil package range return select struct switch true type var") },
  java: { ...C_LIKE, keywords: words("abstract boolean break case catch class const continue default do double else enum extends false final finally float for if implements import int interface long new null package private protected public return static super switch this throw throws true try void while var record") },
  c: { ...C_LIKE, keywords: words("auto bool break case char class const constexpr continue default delete do double else enum extern false float for if include inline int long namespace new nullptr private public return short signed sizeof static std struct switch template this true typedef union unsigned using virtual void while") },
  sql: { line: "--", block: ["/*", "*/"], strings: `'"`, ignoreCase: true, keywords: words("select from where group by order having limit offset insert into values update set delete create table drop alter index join left right inner outer on as and or not null is in exists union all distinct case when then else end primary key references default count sum") },
  bash: { ...HASH, keywords: words("if then else elif fi for in do done while until case esac function return export local echo cd set unset exit source") },
  json: { strings: `"`, keywords: words("true false null") },
  yaml: { ...HASH, keywords: words("true false null yes no on off") },
  toml: { ...HASH, keywords: words("true false") },
  html: { block: ["<!--", "-->"], strings: `"'`, markup: true, keywords: new Set() },
  css: { block: ["/*", "*/"], strings: `"'`, keywords: words("important media supports import keyframes root") },
};
const ALIASES = {
  javascript: "js", jsx: "js", mjs: "js", typescript: "ts", tsx: "ts", py: "python", rs: "rust", golang: "go", cpp: "c", "c++": "c",
  h: "c", cs: "java", csharp: "java", kotlin: "java", kt: "java", swift: "java", sh: "bash", shell: "bash", zsh: "bash", yml: "yaml",
  xml: "html", svg: "html", scss: "css", ini: "toml",
};
const WORD = /[\p{L}_$][\p{L}\p{N}_$]*/uy;
const NUMBER = /(?:0[xob][\da-f_]+|\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)\b/iy;
const MOST = 20_000;

/** The pieces of code as [class or "", text]. */
export function tokens(code, name) {
  const language = LANGUAGES[ALIASES[name?.toLowerCase()] ?? name?.toLowerCase()];
  if (name === "diff") return code.split(/(?<=\n)/).map((line) => [line[0] === "+" ? "add" : line[0] === "-" ? "del" : "", line]);
  if (!language || code.length > MOST) return [["", code]];
  const out = [];
  let at = 0;
  const push = (kind, text) => {
    if (out.length && out.at(-1)[0] === kind) out.at(-1)[1] += text;
    else out.push([kind, text]);
    at += text.length;
  };
  const until = (end, from) => {
    const found = code.indexOf(end, from);
    return found < 0 ? code.length : found + end.length;
  };
  while (at < code.length) {
    const char = code[at];
    if (language.block && code.startsWith(language.block[0], at)) push("com", code.slice(at, until(language.block[1], at + 2)));
    else if (language.line && code.startsWith(language.line, at)) push("com", code.slice(at, until("\n", at)));
    else if (language.triple && /^("""|''')/.test(code.slice(at, at + 3))) push("str", code.slice(at, until(code.slice(at, at + 3), at + 3)));
    else if (language.strings?.includes(char)) push("str", code.slice(at, stringEnd(code, at)));
    else if ((NUMBER.lastIndex = at) >= 0 && NUMBER.test(code)) push("num", code.slice(at, NUMBER.lastIndex));
    else if ((WORD.lastIndex = at) >= 0 && WORD.test(code)) {
      const word = code.slice(at, WORD.lastIndex);
      const known = language.keywords.has(language.ignoreCase ? word.toLowerCase() : word);
      const tag = language.markup && /[</]$/.test(code.slice(0, at));
      push(known || tag ? "key" : code[WORD.lastIndex] === "(" ? "fn" : /^[A-Z]/.test(word) ? "type" : "", word);
    } else push("", char);
  }
  return out;
}

function stringEnd(code, start) {
  const quote = code[start];
  for (let i = start + 1; i < code.length; i++) {
    if (code[i] === "\\") i += 1;
    else if (code[i] === quote) return i + 1;
    else if (code[i] === "\n" && quote !== "`") return i;
  }
  return code.length;
}

/** A code element with its colours. */
export function highlighted(code, language) {
  return h("code", {}, tokens(code, language).map(([kind, text]) => (kind ? h(`span.hl-${kind}`, {}, text) : text)));
}
