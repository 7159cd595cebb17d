/** A poll as it stands: its question and answers. The sandbox takes no votes, and says so. */
import { h } from "../core/dom.js";

export function poll({ question, answers = [], allow_multiselect: several, results }) {
  const counts = new Map((results?.answer_counts ?? []).map((c) => [c.id, c.count]));
  return h("section.poll", { "aria-label": `Poll: ${question?.text ?? ""}` },
    h("b", {}, question?.text ?? ""),
    h("ul", {}, answers.map((a) => h("li", {}, h("span", {}, `${a.poll_media?.emoji?.name ?? ""} ${a.poll_media?.text ?? ""}`.trim()), h("small", {}, `${counts.get(a.answer_id) ?? 0} votes`)))),
    h("small.muted", {}, several ? "Several answers could be chosen. " : "", "Votes are not counted in this sandbox."));
}
