"""What the demo model can talk about: the conversation itself, sums, lists, code from a pattern, pictures it is shown.

Each skill looks at the request and answers or passes; the last one says plainly what a demo cannot know. None
matches whole sentences: they look for what is asked (a word, a number, a form) in whatever is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from sandbox.model import reckon, vision
from sandbox.model.dialogue import Ask
from sandbox.model.titles import keywords

WHO = (
    "I am Guildhall's **demo model**. I run inside the sandbox, on this machine, and no language model stands behind "
    "me: I remember this conversation, reckon, count, write lists, tables and small programs, describe pictures by "
    "their colours, turn requests into plans, and recommend music from a short list. For real answers, set "
    "`OPENAI_API_KEY`, `ANTHROPIC_API_KEY` or `OPENAI_BASE_URL` (Ollama, vLLM, OpenRouter) and start again."
)
NOTE = "-# I am a demo model: set `OPENAI_API_KEY`, `ANTHROPIC_API_KEY` or `OPENAI_BASE_URL` for a real one."

Skill = Callable[[Ask], str | None]
_SAID = re.compile(r"^\s*([\w .'-]{1,40}):\s+\S.*$")


def answer(ask: Ask) -> str:
    """The answer to what was said last; the first answer of a conversation ends with a note that this is a demo."""
    text = _to_each(ask) or _to_one(ask)
    first = not any(turn.role == "assistant" for turn in ask.turns)
    return f"{text}\n\n{NOTE}" if first and NOTE not in text and text != WHO else text


def _to_one(ask: Ask) -> str:
    return next(said for skill in _SKILLS if (said := skill(ask)) is not None)


def _to_each(ask: Ask) -> str | None:
    """Where several people said something at once, a line each, everybody is answered."""
    last = ask.turns[-1] if ask.turns else None
    if last is None or last.role != "user" or last.images:
        return None
    said = [_SAID.match(line) for line in last.text.splitlines()]
    if len(said) < 2 or None in said:
        return None
    answers = [
        f"**{each[1]}**: {_to_one(replace(ask, turns=(*ask.turns[:-1], replace(last, text=each[0]))))}"
        for each in said
        if each is not None
    ]
    return "\n".join(answers)


def _bare(text: str) -> str:
    """What was said without the name that a client puts before it in a thread of several people."""
    return re.sub(r"^\s*[\w .'-]{1,40}:\s+(?=\S)", "", text, count=1)


def _quoted(text: str, length: int = 160) -> str:
    line = " ".join(_bare(text).split())
    return f"“{line[:length]}{'…' if len(line) > length else ''}”"


def _after_tools(ask: Ask) -> str | None:
    if not ask.turns or ask.turns[-1].role != "tool":
        return None
    names = {call.id: call.name for turn in ask.turns for call in turn.tool_calls}
    results = []
    for turn in reversed(ask.turns):
        if turn.role != "tool":
            break
        results.append(f"- `{names.get(turn.answers_call, 'tool')}`: {' '.join(turn.text.split())[:300]}")
    return "Here is what the tools answered:\n" + "\n".join(reversed(results))


def _pictures(ask: Ask) -> str | None:
    if not ask.turns or not ask.turns[-1].images:
        return None
    return "\n".join(f"Picture {n}: {vision.describe(data)}" for n, data in enumerate(ask.turns[-1].images, 1))


def _who(ask: Ask) -> str | None:
    if re.search(
        r"\b(who|what) are you\b|\bare you (an? )?(ai|bot|human|real|demo|gpt|claude)\b|\bwhich model\b", ask.last, re.I
    ):
        return WHO
    return None


def _name(ask: Ask) -> str | None:
    if not re.search(r"\b(what('?s| is)|know|remember|tell me)\b.{0,20}\bmy name\b|\bwho am i\b", ask.last, re.I):
        return None
    for text in reversed(ask.asked[:-1]):
        told = re.search(r"\b(?:my name is|i am called|call me|i'm|i am)\s+([^\W\d_][\w'-]{1,30})", text, re.I)
        if told:
            return f"Your name is **{told.group(1)}**: you told me so earlier in this conversation."
    return "You have not told me your name in this conversation."


_ABOUT_BEFORE = re.compile(
    r"\b(before|earlier|previous(ly)?|so far|(first|last) (question|message|thing)|summar\w+|recap|remember|"
    r"what (did|have) (i|we)|again)\b",
    re.I,
)


def _before(ask: Ask) -> str | None:
    earlier = ask.asked[:-1]
    if not earlier or not _ABOUT_BEFORE.search(ask.last):
        return None
    if re.search(r"\bfirst\b", ask.last, re.I):
        return f"The first thing you said to me was {_quoted(earlier[0])}"
    if re.search(r"\blast\b|\bprevious\b", ask.last, re.I):
        return f"Just before this you said {_quoted(earlier[-1])}"
    lines = [f"{n}. {_quoted(text)}" for n, text in enumerate(earlier, 1)]
    return f"So far you said {len(earlier)} thing{'s' * (len(earlier) > 1)} in this conversation:\n" + "\n".join(
        lines[-20:]
    )


def _told(ask: Ask) -> str | None:
    """Answers a question about something the person told earlier by the sentence that shares its words."""
    if len(ask.asked) < 2 or not re.search(r"\?|^\s*(what|which|where|when|who|how)\b", _bare(ask.last), re.I):
        return None
    wanted = {w.casefold() for w in keywords(_bare(ask.last), 12)}
    best, score = "", 0
    for text in ask.asked[:-1]:
        for sentence in re.split(r"(?<=[.!])\s+|\n", _bare(text)):
            shared = len(wanted & {w.casefold() for w in keywords(sentence, 40)})
            if shared > score and not sentence.rstrip().endswith("?"):
                best, score = sentence, shared
    return f"You told me: {_quoted(best)}" if score else None


def _sum(ask: Ask) -> str | None:
    result = reckon.found(_bare(ask.last))
    return f"{result[0]} = **{result[1]}**" if result else None


def _count(ask: Ask) -> str | None:
    match = re.search(r"\bcount\b.*?\b(?:to|till|until)\s+(\d{1,4})\b", ask.last, re.I)
    if not match:
        return None
    return ", ".join(str(n) for n in range(1, min(int(match.group(1)), 1_000) + 1))


def _repeat(ask: Ask) -> str | None:
    match = re.match(
        r"\s*(?:please\s+)?(?:repeat|say|echo)\b(?:\s+after me)?\s*:?\s+(.+)", _bare(ask.last), re.I | re.S
    )
    return match.group(1).strip().strip("\"“”'") if match else None


def _length(ask: Ask) -> str | None:
    match = re.search(r"\b(\d{1,5})[\s-]+words?\b", ask.last, re.I)
    if not match:
        return None
    subject = " and ".join(keywords(re.sub(r"\d+[\s-]+words?", "", _bare(ask.last)), 3)) or "nothing in particular"
    frame = (
        f"About {subject} a demo can say little, yet at any length. ",
        f"Here the words stand where thoughts on {subject} would be. ",
        "Each sentence fills its place so that long answers can be tried. ",
        f"A real model would know {subject}; this one knows how to go on. ",
    )
    words: list[str] = []
    while len(words) < min(int(match.group(1)), 20_000):
        words += frame[(len(words) // 12) % len(frame)].split()
    chosen = words[: int(match.group(1))]
    return "\n\n".join(" ".join(chosen[i : i + 90]) for i in range(0, len(chosen), 90))


_LANGUAGES = {
    "python": (
        "python",
        'def {name}(items):\n    """{doc}"""\n    result = []\n    for item in items:\n'
        "        if item is not None:\n            result.append(item)\n    return result\n\n\n"
        "print({name}([3, 1, 2]))",
    ),
    "javascript": (
        "js",
        "// {doc}\nexport function {name}(items) {{\n  return items.filter((item) => item != null);\n}}\n\n"
        "console.log({name}([3, 1, 2]));",
    ),
    "rust": (
        "rust",
        "/// {doc}\nfn {name}(items: &[i64]) -> Vec<i64> {{\n    items.to_vec()\n}}\n\n"
        'fn main() {{\n    println!("{{:?}}", {name}(&[3, 1, 2]));\n}}',
    ),
    "go": (
        "go",
        'package main\n\nimport "fmt"\n\n// {name}: {doc}\nfunc {name}(items []int) []int {{\n\treturn items\n}}\n\n'
        "func main() {{\n\tfmt.Println({name}([]int{{3, 1, 2}}))\n}}",
    ),
    "sql": ("sql", "-- {doc}\nSELECT name, count(*) AS total\nFROM {name}\nGROUP BY name\nORDER BY total DESC;"),
}
_CODE = re.compile(
    r"\b(code|program|function|script|snippet|class|python|javascript|typescript|rust|golang|sql)\b", re.I
)


def _code(ask: Ask) -> str | None:
    said = _bare(ask.last)
    if not _CODE.search(said):
        return None
    lowered = said.casefold()
    language = next((name for name in _LANGUAGES if re.search(rf"\b{name}", lowered)), "python")
    subject = [w for w in keywords(said, 8) if not _CODE.fullmatch(w) and w.casefold() not in _LANGUAGES]
    name = "_".join(re.sub(r"\W", "", w).lower() for w in subject[:3]) or "example"
    if name[0].isdecimal():
        name = "f_" + name
    fence, template = _LANGUAGES[language]
    body = template.format(name=name, doc=f"A pattern for {' '.join(subject) or 'an example'}; a demo cannot do more.")
    return f"Here is a {language.capitalize()} pattern that you can start from:\n```{fence}\n{body}\n```"


def _list(ask: Ask) -> str | None:
    match = re.search(
        r"\b(?:list|name|give me|suggest|top)\b\D{0,20}(\d{1,2})\b\s+(.{3,60})", _bare(ask.last), re.I | re.S
    )
    if not match:
        return None
    subject = " ".join(match.group(2).split()).rstrip("?.!")
    lines = [f"{n}. {subject[:40]} no. {n}" for n in range(1, min(int(match.group(1)), 25) + 1)]
    return "A list as asked, with places for what a real model would name:\n" + "\n".join(lines)


def _table(ask: Ask) -> str | None:
    if not re.search(r"\btable\b", ask.last, re.I):
        return None
    words = [w for w in keywords(_bare(ask.last), 6) if w.casefold() not in ("table", "compare")] or ["one", "two"]
    width = max(len(w) for w in words) + 2
    rows = [f"{'name':<{width}}letters  vowels"] + [
        f"{w:<{width}}{len(w):<9}{sum(c in 'aeiou' for c in w.lower())}" for w in words
    ]
    return "What I can tell of these words:\n```\n" + "\n".join(rows) + "\n```"


def _greeting(ask: Ask) -> str | None:
    if re.match(
        r"\s*(hi|hello|hey|good (morning|evening|day)|hallo|moin|thanks?|thank you|bye)\b[\s\w,!.]{0,30}$",
        _bare(ask.last),
        re.I,
    ):
        return "Hello! Ask me something, and I will do what a demo can."
    return None


def _plain(ask: Ask) -> str:
    said = _bare(ask.last).strip()
    if not said:
        return "You sent a message without words. Tell me what you would like to know."
    words = keywords(said, 6)
    about = ", ".join(f"**{w}**" for w in words[:4])
    parts = [f"You ask about {about}." if about else f"You said {_quoted(said)}."]
    parts.append(
        "As a demo I know nothing of the world, so I cannot answer that as a real model would. What I can tell: your "
        f"message has {len(said.split())} words and {len(said)} characters"
        + (f", and it is number {len(ask.asked)} of our conversation." if len(ask.asked) > 1 else ".")
    )
    if len(ask.asked) > 1:
        parts.append(f"Before it you said {_quoted(ask.asked[-2], 80)}.")
    parts.append(
        "Try a sum (`what is 12 * 7?`), `write a Python function that sorts names`, `a 200 word story`, or ask what "
        "you said before."
    )
    return "\n\n".join([" ".join(parts[:-1]), parts[-1]])


_SKILLS: tuple[Skill, ...] = (
    _after_tools, _pictures, _who, _name, _repeat, _before, _count, _sum, _length, _code, _table, _list, _greeting,
    _told, _plain,
)  # fmt: skip
