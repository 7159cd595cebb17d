/** Components and modals: what is sent when they are used, and what becomes of it. */
import { emit, on } from "../core/bus.js";
import { state } from "../core/store.js";
import { openModal } from "./modal.js";

const opened = new Set();

/** While it is held, modals do not open: somebody fills them in by other means. */
export const modals = { held: false };

on("use-component", async ({ message, customId, values, done, failed }) => {
  try {
    const body = values === undefined ? { custom_id: customId } : { custom_id: customId, values };
    const result = await state.acting.control("POST", `/messages/${message.id}/components?wait=5`, body);
    if (result.state === "failed") failed("This interaction failed: the application did not respond.");
    if (result.modal) showModal(result.id, result.modal);
  } catch (error) {
    failed(error.message);
  } finally {
    done();
  }
});

function showModal(id, modal) {
  if (modals.held || opened.has(id)) return;
  opened.add(id);
  openModal(id, modal);
}

on("open-modal", ({ id, modal }) => showModal(id, modal));
on("event:INTERACTION_MODAL_CREATE", ({ id, modal }) => showModal(id, modal));
on("dismiss", (message) => emit("event:MESSAGE_DELETE", { channel_id: message.channel_id, id: message.id }));
