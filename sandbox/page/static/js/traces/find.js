/** Which trace wrote a message: the sandbox keeps the `traceparent` of each request that sent or edited one. */
import { get } from "../core/api.js";

/** The trace id of a message, of its last edit where the send had none; null for none. */
export async function traceOfMessage(message) {
  const history = await get(`/control/messages/${message.id}/history`);
  const ids = [history.trace_id, ...(history.edits ?? []).map((e) => e.trace_id)].filter(Boolean);
  for (const id of ids) {
    const found = await get(`/traces/api/traces?q=${id}&limit=1`);
    if (found.traces.length) return id;
  }
  const byMessage = await get(`/traces/api/traces?q=${message.id}&limit=1`);
  return byMessage.traces[0]?.trace_id ?? null;
}
