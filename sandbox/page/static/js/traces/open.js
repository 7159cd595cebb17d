/** From a message to its trace. */
import { emit } from "../core/bus.js";
import { attempt, toast } from "../core/layers.js";
import { traceOfMessage } from "./find.js";

// Services export their spans in batches, so a trace may come some seconds after its message.
const TRIES = 12;
const PAUSE_MS = 1000;

/** Opens the trace of what wrote a message, as soon as it arrived. */
export async function openTraceOf(message) {
  for (let turn = 0; turn < TRIES; turn++) {
    const traceId = await attempt(() => traceOfMessage(message));
    if (traceId) return emit("open-trace", { traceId });
    if (turn === 0) toast("Its trace is on the way.", { seconds: 3 });
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return toast("No trace of this message arrived: its sender exports none, or it is older than what the sandbox keeps.");
}
