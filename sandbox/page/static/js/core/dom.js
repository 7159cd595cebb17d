/** Building elements. Text always becomes a text node: nothing that people or bots wrote is ever read as markup. */

/**
 * Makes an element: `h("button.primary", { type: "button", onclick: f }, "Save")`.
 * Properties that start with "on" are listeners; `style` is an object set through the CSSOM; `data` fills the dataset;
 * true and false set and leave out an attribute. Children may be nodes, texts, arrays, null.
 */
export function h(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className += (element.className ? " " : "") + value;
    else if (name === "style") for (const [key, part] of Object.entries(value)) element.style.setProperty(key, part);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** Appends nodes, texts and arrays of them. */
export function append(parent, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return parent;
}

const drawnOf = new WeakMap();

/** Replaces what an element holds. */
export function fill(parent, ...children) {
  drawnOf.delete(parent);
  parent.replaceChildren();
  return append(parent, children);
}

/**
 * Draws `data` in an element, unless that is what stands there: what is drawn anew while it is pressed is not pressed.
 * Who stood on something with a `data-key` stands on it afterwards.
 */
export function refill(parent, data, draw) {
  const now = JSON.stringify(data);
  if (drawnOf.get(parent) === now) return;
  const key = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  fill(parent, draw(data));
  drawnOf.set(parent, now);
  if (key !== undefined) [...parent.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus({ preventScroll: true });
}

const SVG = "http://www.w3.org/2000/svg";

/** Makes an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

/** Says something to people who use a screen reader. */
export function announce(text) {
  const place = document.getElementById("announcer");
  if (place) place.textContent = text;
}
