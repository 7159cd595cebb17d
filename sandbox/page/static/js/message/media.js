/** Attachments, images and files. Only what lies on this machine is loaded; the rest is named and linked. */
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { dialog } from "../core/layers.js";
import { safeUrl, spoiler } from "../text/render.js";

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\]|.*\.localhost)$/;

/** The path of a file that the sandbox itself serves; null for everything else. */
export function localPath(url) {
  const href = safeUrl(url ?? "");
  if (!href) return null;
  const parsed = new URL(href);
  const here = parsed.host === location.host || (LOOPBACK.test(parsed.hostname) && parsed.port === location.port);
  return here ? parsed.pathname + parsed.search : null;
}

export function sizeInWords(bytes) {
  if (!Number.isFinite(bytes)) return "";
  const units = ["B", "KB", "MB", "GB"];
  const step = Math.min(3, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${(bytes / 1024 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}

/** A picture that opens large when pressed, or a card that names it where it lies elsewhere. */
export function picture(media, { alt = "", className = "" } = {}) {
  const path = localPath(media?.proxy_url) ?? localPath(media?.url);
  const name = alt || media?.description || media?.filename || "Image";
  if (!path) return h("div.outside", { title: "The page loads nothing from outside" }, icon("link", 16), h("span", {}, media?.url ?? "no image"));
  const size = media.width && media.height ? { width: media.width, height: media.height } : {};
  const image = h("img", { src: path, alt: name, loading: "lazy", decoding: "async", ...size });
  return h("button.picture", { type: "button", class: className, "aria-label": `Show ${name} large`, onclick: () => {
    const view = dialog({ title: name, className: "lightbox", wide: true });
    view.body.append(h("img", { src: path, alt: name }));
  } }, image);
}

function file(attachment) {
  const path = localPath(attachment.url);
  return h("div.file-card", {}, icon("file", 28), h("div", {},
    path ? h("a", { href: path, download: attachment.filename ?? "file" }, attachment.filename ?? "file") : h("span", {}, attachment.filename ?? attachment.url ?? "file"),
    h("small", {}, sizeInWords(attachment.size))));
}

/** One attachment. */
export function attachmentView(attachment) {
  const kind = attachment.content_type ?? "";
  let view;
  if (kind.startsWith("image/")) view = picture(attachment, { alt: attachment.description ?? attachment.filename });
  else if (kind.startsWith("audio/") && localPath(attachment.url)) view = h("audio", { src: localPath(attachment.url), controls: true, preload: "none", "aria-label": attachment.filename });
  else if (kind.startsWith("video/") && localPath(attachment.url)) view = h("video", { src: localPath(attachment.url), controls: true, preload: "metadata", "aria-label": attachment.filename });
  else view = file(attachment);
  return attachment.filename?.startsWith("SPOILER_") ? spoiler(view) : view;
}

/** All attachments of a message. */
export function attachments(list) {
  return list?.length ? h("div.attachments", {}, list.map(attachmentView)) : null;
}
