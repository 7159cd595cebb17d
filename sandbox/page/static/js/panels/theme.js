/** Light and dark: what the reader chose; dark before they chose, as Discord has it. */

const KEY = "guildhall-theme";

export function applyTheme(theme = localStorage.getItem(KEY)) {
  document.documentElement.dataset.theme = theme ?? "dark";
  return document.documentElement.dataset.theme;
}

export function toggleTheme() {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, next);
  return applyTheme(next);
}
