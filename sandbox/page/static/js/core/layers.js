/** What lies above the page: dialogs, popovers, menus, toasts; with focus kept inside and given back. */
import { announce, fill, h } from "./dom.js";
import { icon } from "./icons.js";

const host = () => document.getElementById("layers");
const FOCUSABLE = 'button:not([disabled]), [href], input:not([disabled]), select:not([disabled]), textarea:not([disabled]), [tabindex="0"]';

function keepInside(box, event) {
  if (event.key !== "Tab") return;
  const stops = [...box.querySelectorAll(FOCUSABLE)].filter((e) => e.offsetParent !== null);
  if (!stops.length) return;
  const edge = event.shiftKey ? stops[0] : stops.at(-1);
  if (document.activeElement === edge || !box.contains(document.activeElement)) {
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0]).focus();
  }
}

/** Opens a dialog; gives {box, body, close}. `onclose` is told once, however it closes. */
export function dialog({ title, className = "", onclose, wide = false, label = title }) {
  const before = document.activeElement;
  const body = h("div.dialog-body");
  const box = h(`section.dialog${wide ? ".wide" : ""}`, { role: "dialog", "aria-modal": "true", "aria-label": label, class: className },
    h("header.dialog-head", {}, h("h2", {}, title), h("button.icon-button", { type: "button", "aria-label": "Close", onclick: () => close() }, icon("close"))),
    body);
  const veil = h("div.veil", { onpointerdown: (e) => e.target === veil && close() }, box);
  let open = true;
  function close() {
    if (!open) return;
    open = false;
    veil.remove();
    onclose?.();
    if (before?.isConnected) before.focus();
  }
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) {
      event.stopPropagation();
      close();
    }
    keepInside(box, event);
  });
  host().append(veil);
  queueMicrotask(() => (body.querySelector("[autofocus], input, textarea, select, button") ?? box.querySelector("button")).focus());
  return { box, body, close };
}

/** Asks before something that cannot be taken back; resolves to whether it was confirmed. */
export function confirmFirst(title, text, verb = "Delete") {
  return new Promise((resolve) => {
    const view = dialog({ title, onclose: () => resolve(false) });
    fill(view.body, h("p", {}, text), h("div.dialog-actions", {},
      h("button.secondary", { type: "button", onclick: () => view.close() }, "Cancel"),
      h("button.danger", { type: "button", onclick: () => { resolve(true); view.close(); } }, verb)));
  });
}

let currentPopover = null;

export function closePopover() {
  currentPopover?.();
}

/** Opens a popover beside an element or at a point; one at a time. Gives {box, close}. */
export function popover(anchor, { className = "", role = "dialog", label = "", onclose, side = "auto", takeFocus = true } = {}) {
  currentPopover?.();
  const before = document.activeElement;
  const box = h("div.popover", { class: className, role, "aria-label": label || null, tabindex: -1 });
  const outside = (event) => !box.contains(event.target) && !(anchor instanceof Node && anchor.contains(event.target)) && close();
  const onKey = (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  };
  let open = true;
  function close() {
    if (!open) return;
    open = false;
    box.remove();
    document.removeEventListener("pointerdown", outside, true);
    if (currentPopover === close) currentPopover = null;
    onclose?.();
    if (takeFocus && before?.isConnected && (!document.activeElement || document.activeElement === document.body)) before.focus();
  }
  currentPopover = close;
  box.addEventListener("keydown", onKey);
  host().append(box);
  document.addEventListener("pointerdown", outside, true);
  const place = () => position(box, anchor, side);
  queueMicrotask(place);
  return { box, close, place };
}

function position(box, anchor, side) {
  const rect = anchor instanceof Node ? anchor.getBoundingClientRect() : { left: anchor.x, right: anchor.x, top: anchor.y, bottom: anchor.y, width: 0 };
  const { offsetWidth: width, offsetHeight: height } = box;
  let left = side === "right" ? rect.right + 8 : side === "left" ? rect.left - width - 8 : rect.left;
  let top = side === "right" || side === "left" ? rect.top : rect.bottom + 6;
  if (side === "top" || (side === "auto" && top + height > innerHeight - 8 && rect.top - height - 6 > 0)) top = rect.top - height - 6;
  left = Math.max(8, Math.min(left, innerWidth - width - 8));
  top = Math.max(8, Math.min(top, innerHeight - height - 8));
  box.style.setProperty("left", `${left}px`);
  box.style.setProperty("top", `${top}px`);
}

/** A menu of actions: [{label, icon, action, danger, disabled, detail}] or "-" for a line. Arrow keys move in it. */
export function menu(anchor, entries, { label = "Actions", side } = {}) {
  const { box, close, place } = popover(anchor, { className: "menu", role: "menu", label, side });
  for (const entry of entries) {
    if (!entry) continue;
    if (entry === "-") box.append(h("div.menu-line", { role: "separator" }));
    else box.append(h("button.menu-item", {
      type: "button", role: "menuitem", disabled: Boolean(entry.disabled), class: entry.danger ? "danger-text" : "",
      onclick: () => { close(); entry.action(); },
    }, h("span", {}, entry.label, entry.detail ? h("small", {}, entry.detail) : null), entry.icon ? icon(entry.icon, 16) : null));
  }
  arrowKeys(box, ".menu-item");
  place();
  queueMicrotask(() => box.querySelector(".menu-item:not([disabled])")?.focus());
  return close;
}

/** Up and Down move the focus among the elements of a selector. */
export function arrowKeys(box, selector) {
  box.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const stops = [...box.querySelectorAll(selector)].filter((e) => !e.disabled && e.offsetParent !== null);
    if (!stops.length) return;
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
  });
}

/** A short message at the edge of the page. */
export function toast(text, { kind = "info", seconds = 6 } = {}) {
  let shelf = document.querySelector(".toasts");
  if (!shelf) host().append((shelf = h("div.toasts")));
  const box = h(`div.toast.${kind}`, { role: kind === "error" ? "alert" : "status" },
    icon(kind === "error" ? "warning" : "spark", 18), h("span", {}, text),
    h("button.icon-button", { type: "button", "aria-label": "Dismiss", onclick: () => box.remove() }, icon("close", 16)));
  shelf.append(box);
  while (shelf.children.length > 4) shelf.firstChild.remove();
  setTimeout(() => box.remove(), seconds * 1000);
}

/** Does something that may be refused, and says so when it is; resolves to undefined then. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message, { kind: "error" });
    announce(error.message);
    return undefined;
  }
}
