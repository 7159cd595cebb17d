/** Calls to the sandbox: the control API, Discord's REST as a person, traces, the demo model's control. */

const token = document.querySelector('meta[name="control-token"]').content;

/** A refusal: Discord's code and message, and the field errors in words. */
export class Refusal extends Error {
  constructor(status, body) {
    super(words(body) || `The sandbox answered ${status}`);
    this.status = status;
    this.code = body?.code ?? 0;
    this.body = body;
  }
}

function words(body) {
  if (!body || typeof body !== "object") return "";
  const details = [];
  const walk = (node, path) => {
    for (const [key, value] of Object.entries(node ?? {})) {
      if (key === "_errors" && Array.isArray(value)) details.push(...value.map((e) => `${path}: ${e.message ?? e}`));
      else if (value && typeof value === "object") walk(value, path ? `${path}.${key}` : key);
    }
  };
  walk(body.errors, "");
  return [body.message ?? (typeof body.error === "string" ? body.error : ""), ...details].filter(Boolean).join("; ");
}

/** Sends a request and gives the parsed answer; throws `Refusal`. `body` may be FormData. */
export async function call(method, path, body, { signal, headers = {} } = {}) {
  const form = body instanceof FormData;
  const answer = await fetch(path, {
    method,
    signal,
    headers: {
      Authorization: `Bearer ${token}`,
      ...(body !== undefined && !form ? { "Content-Type": "application/json" } : {}),
      ...headers,
    },
    body: body === undefined ? undefined : form ? body : JSON.stringify(body),
  });
  const text = answer.status === 204 ? "" : await answer.text();
  let parsed = null;
  try {
    parsed = text ? JSON.parse(text) : null;
  } catch {
    parsed = { message: text.slice(0, 200) };
  }
  if (!answer.ok) throw new Refusal(answer.status, parsed);
  return parsed;
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body = {}, options) => call("POST", path, body, options);
export const patch = (path, body, options) => call("PATCH", path, body, options);
export const put = (path, body, options) => call("PUT", path, body, options);
export const del = (path, options) => call("DELETE", path, undefined, options);

/** Everything that one person does. */
export class Acting {
  constructor(personId) {
    this.base = `/control/as/${encodeURIComponent(personId)}`;
  }
  /** Discord's own REST, done as the person. */
  rest(method, path, body, reason) {
    const headers = reason ? { "X-Audit-Log-Reason": encodeURIComponent(reason) } : {};
    return call(method, `${this.base}/api${path}`, body, { headers });
  }
  control(method, path, body, options) {
    return call(method, `${this.base}${path}`, body, options);
  }
  /** The address of the person's event stream. */
  eventsUrl() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    return `${scheme}//${location.host}${this.base}/events?token=${encodeURIComponent(token)}`;
  }
}
