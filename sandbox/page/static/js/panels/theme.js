/** Light and dark: what the reader chose, else what their system says. */

const KEY = "guildhall-theme";

export function applyTheme(theme = localStorage.getItem(KEY)) {
  const chosen = theme ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  document.documentElement.dataset.theme = chosen;
  return chosen;
}

export function toggleTheme() {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, next);
  return applyTheme(next);
}
