/** Avatars: the first letter on a colour that follows from the id; no picture is fetched. */
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { userName } from "../core/store.js";

export function hueOf(id) {
  let sum = 2166136261;
  for (const char of String(id)) sum = Math.imul(sum ^ char.charCodeAt(0), 16777619) >>> 0;
  return Math.round((sum * 137.508) % 360);
}

export function initials(name) {
  const words = name.replace(/[^\p{L}\p{N}\s]/gu, " ").trim().split(/\s+/);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 ? words.at(-1)[0] : "")).toUpperCase();
}

/** The avatar of a user in a size of pixels. */
export function avatar(user, size = 40) {
  const style = { "--hue": hueOf(user?.id ?? "0"), "--size": `${size}px` };
  if (user?.bot) return h("span.avatar.bot", { style, "aria-hidden": "true" }, icon("spark", Math.round(size * 0.55)));
  return h("span.avatar", { style, "aria-hidden": "true" }, initials(userName(user)));
}
