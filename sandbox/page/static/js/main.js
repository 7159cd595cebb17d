/** Starts the page. */
import { fill, h } from "./core/dom.js";
import { App } from "./app.js";
import { applyTheme } from "./panels/theme.js";
import { keepFresh } from "./text/times.js";
import "./compose/interactions.js";
import "./people/profile.js";

applyTheme();
keepFresh();
const root = document.getElementById("app");
const app = new App(root);
try {
  await app.start();
  performance.mark("guildhall-interactive");
  document.documentElement.dataset.ready = "true";
} catch (error) {
  fill(root, h("div.boot", { role: "alert" }, h("h1", {}, "The sandbox does not answer"), h("p", {}, error.message), h("button.primary", { type: "button", onclick: () => location.reload() }, "Try again")));
}
