/** From a message to its trace. */
import { emit } from "../core/bus.js";
import { get } from "../core/api.js";
import { attempt, toast } from "../core/layers.js";
import { traceOfMessage } from "./find.js";

/** Opens the trace of what wrote a message. */
export async function openTraceOf(message) {
  const traceId = await attempt(() => traceOfMessage(message));
  if (traceId) emit("open-trace", { traceId });
  else toast("No trace of this message arrived: its sender exports none, or it is older than what the sandbox keeps.");
}

/** Whether any trace was received at all. */
export async function tracesStatus() {
  return get("/traces/api/status");
}
