/** Select menus of every kind: a button that opens a list one can search, with the keyboard or the mouse. */
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { popover } from "../core/layers.js";
import { channelName, colourOf, nameIn } from "../core/store.js";
import { avatar } from "../people/avatar.js";
import { label, use } from "./components.js";

const MOST_SHOWN = 60;
const hex = (role) => (colourOf(role) ? `#${colourOf(role).toString(16).padStart(6, "0")}` : "");

/** The choices of a select: [{value, text, detail, lead}]. */
export function choicesOf(component, guild) {
  const people = () => [...(guild?.members.values() ?? [])].map((m) => ({
    value: m.user.id, text: nameIn(guild, m.user.id, m.user), detail: m.user.username, lead: avatar(m.user, 22),
  }));
  const roles = () => [...(guild?.roles.values() ?? [])].filter((r) => r.id !== guild.id).sort((a, b) => b.position - a.position).map((r) => ({
    value: r.id, text: `@${r.name}`, detail: "", lead: h("span.role-dot", { style: { "--dot": hex(r) || "var(--muted)" } }),
  }));
  switch (component.type) {
    case 5: return people();
    case 6: return roles();
    case 7: return [...people(), ...roles()];
    case 8: return [...(guild?.channels.values() ?? []), ...(guild?.threads.values() ?? [])]
      .filter((c) => !component.channel_types?.length || component.channel_types.includes(c.type))
      .map((c) => ({ value: c.id, text: channelName(c), detail: guild.channels.get(c.parent_id)?.name ?? "", lead: icon(c.type === 2 ? "voice" : "hash", 18) }));
    default: return (component.options ?? []).map((o) => ({ value: o.value, text: o.label, detail: o.description ?? "", lead: label(o.emoji, null) }));
  }
}

function defaultsOf(component) {
  if (component.type === 3) return (component.options ?? []).filter((o) => o.default).map((o) => o.value);
  return (component.default_values ?? []).map((v) => v.id);
}

/** A select in a message: choosing sends it. */
export function selectMenu(component, context) {
  const picker = selectField(component, context.guild, {
    onchosen: (values) => use(picker.element, component, values, context),
  });
  return picker.element;
}

/** A select as a field: {element, values()}. `onchosen` is told when the list closes with a new choice. */
export function selectField(component, guild, { onchosen, id } = {}) {
  const choices = choicesOf(component, guild);
  const least = component.min_values ?? 1;
  const most = component.max_values ?? 1;
  let chosen = defaultsOf(component);
  const face = h("span.select-face");
  const element = h("button.select", {
    type: "button", id, disabled: Boolean(component.disabled), "aria-haspopup": "listbox", "aria-expanded": "false",
    "aria-label": component.placeholder ?? "Choose", data: { customId: component.custom_id ?? "" }, onclick: () => open(),
  }, face, icon("chevron", 18));
  const show = () => {
    const picked = choices.filter((c) => chosen.includes(c.value));
    fill(face, picked.length ? picked.map((c) => h("span.select-chip", {}, c.lead instanceof Node ? c.lead.cloneNode(true) : null, c.text)) : h("span.muted", {}, component.placeholder ?? "Make a selection"));
  };
  show();

  function open() {
    const before = chosen.join();
    const { box, close, place } = popover(element, {
      className: "select-list", label: component.placeholder ?? "Options",
      onclose: () => {
        element.setAttribute("aria-expanded", "false");
        if (most > 1 && chosen.join() !== before && chosen.length >= least) onchosen?.(chosen);
      },
    });
    element.setAttribute("aria-expanded", "true");
    box.style.setProperty("min-width", `${element.offsetWidth}px`);
    const list = h("div.options", { role: "listbox", "aria-multiselectable": most > 1 ? "true" : "false" });
    const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search the options", oninput: () => render() });
    const render = () => {
      const words = search.value.toLowerCase();
      const found = choices.filter((c) => !words || c.text.toLowerCase().includes(words) || c.detail?.toLowerCase().includes(words)).slice(0, MOST_SHOWN);
      fill(list, found.length ? found.map(option) : h("p.muted", {}, "Nothing found"));
      place();
    };
    const option = (choice) => h("button.option", {
      type: "button", role: "option", "aria-selected": chosen.includes(choice.value) ? "true" : "false", onclick: () => pick(choice.value), data: { value: choice.value },
    }, choice.lead instanceof Node ? choice.lead.cloneNode(true) : choice.lead, h("span", {}, choice.text, choice.detail ? h("small", {}, choice.detail) : null), chosen.includes(choice.value) ? icon("check", 16) : null);
    function pick(value) {
      if (most === 1) {
        chosen = chosen[0] === value && least === 0 ? [] : [value];
        show();
        close();
        onchosen?.(chosen);
        return;
      }
      chosen = chosen.includes(value) ? chosen.filter((v) => v !== value) : chosen.length < most ? [...chosen, value] : chosen;
      show();
      render();
    }
    if (choices.length > 8) box.append(search);
    box.append(list);
    if (most > 1) box.append(h("div.select-foot", {}, h("small", {}, `Choose ${least === most ? most : `${least} to ${Math.min(most, choices.length)}`}`), h("button.primary", { type: "button", onclick: close }, "Done")));
    box.addEventListener("keydown", (event) => keys(event, box));
    render();
    queueMicrotask(() => (choices.length > 8 ? search : list.querySelector("button"))?.focus());
  }
  return { element, values: () => chosen, least };
}

function keys(event, box) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  const options = [...box.querySelectorAll(".option")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  options[(options.indexOf(document.activeElement) + step + options.length) % options.length]?.focus();
}
