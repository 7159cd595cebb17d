/**
 * Which trace wrote a message. An answer to an interaction is found by the interaction's id; any other message by the
 * call that was under way at the moment when the sandbox took it, or took its last edit.
 */
import { get } from "../core/api.js";

async function byInteraction(message) {
  const id = message.interaction_metadata?.id ?? message.interaction?.id;
  if (!id) return null;
  const found = await get(`/traces/api/traces?q=guildhall.interaction.id=${id}&limit=1`);
  return found.traces[0]?.trace_id ?? null;
}

async function byTime(at, method) {
  if (!at) return null;
  const found = await get(`/traces/api/at?time=${at}&method=${method}&contains=${encodeURIComponent("/")}`);
  return found.traces[0]?.trace_id ?? null;
}

/** The trace id of a message; null for none. */
export async function traceOfMessage(message) {
  const exact = await byInteraction(message);
  if (exact) return exact;
  const history = await get(`/control/messages/${message.id}/history`);
  const lastEdit = history.edits?.at(-1)?.at;
  return (await byTime(history.sent_at, "POST")) ?? (await byTime(lastEdit, "PATCH")) ?? byTime(history.sent_at, "PATCH");
}
