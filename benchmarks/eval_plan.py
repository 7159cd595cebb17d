"""How well a model turns words into plans: sixty requests, each with the operations that it must become.

Whatever model is configured (OPENAI_API_KEY, ANTHROPIC_API_KEY, OPENAI_BASE_URL …) is asked through the whole platform;
without one it is the sandbox's demo model. A request is right when its plan has exactly these operations, so many of
each kind. Nothing is confirmed. The last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections import Counter
from pathlib import Path

from guildhall.executor.v1 import plan_pb2

from benchmarks.bulk import bench_of
from sandbox.control.client import SandboxClient
from tests.support.platform import RunningPlatform
from tests.support.waiting import free_port

_UNHURRIED = {"GUILDHALL_LIMITS__POLICIES__LLM_REQUESTS__LIMIT": "10000"}
"""A person who asks sixty things in a minute is nobody's usual member."""
_MODELS = ("OPENAI_", "ANTHROPIC_", "OPENROUTER_", "BASETEN_", "OLLAMA_", "GUILDHALL_LLM__", "GUILDHALL_MODELS")

# The guild has: #test-a, #test-b, #old-news, #lobby in the category Hall, voice Den, roles Raider and Veteran.
REQUESTS: tuple[tuple[str, dict[str, int]], ...] = (
    ("create a text channel called trading", {"channel.create": 1}),
    ("create a voice channel named Karaoke", {"channel.create": 1}),
    ("make a category called Projects", {"channel.create": 1}),
    ("create three text channels called alpha, beta and gamma", {"channel.create": 3}),
    ("create 5 voice channels named Squad 1 to Squad 5", {"channel.create": 5}),
    ("create a category Events with the channels planning and results in it", {"channel.create": 3}),
    ("create a gaming category with two voice channels", {"channel.create": 3}),
    ("create a forum for bug reports", {"channel.create": 1}),
    ("create 5 test categories and delete them", {"channel.create": 5, "channel.delete": 5}),
    ("create a channel called vault that only Raiders can see", {"channel.create": 1}),
    ("add a channel called lounge to the category Hall", {"channel.create": 1}),
    ("please set up a category Music with a text channel requests and a voice channel Stage", {"channel.create": 3}),
    ("delete all test channels", {"channel.delete": 2}),
    ("delete #old-news", {"channel.delete": 1}),
    ("remove the channels test-a and old-news", {"channel.delete": 2}),
    ("delete the category Hall but keep its channels", {"channel.delete": 1}),
    ("delete the category Hall with everything in it", {"channel.delete": 2}),
    ("delete every channel whose name starts with test, except test-b", {"channel.delete": 1}),
    ("rename #old-news to archive-news", {"channel.rename": 1}),
    ("set the topic of #lobby to Say hello here", {"channel.rename": 1}),
    ("turn on a slow mode of 30 seconds in #lobby", {"channel.edit": 1}),
    ("mark #old-news as age-restricted", {"channel.edit": 1}),
    ("limit the voice channel Den to 5 people", {"channel.edit": 1}),
    ("move #old-news into the category Hall", {"channel.edit": 1}),
    ("take #lobby out of its category", {"channel.edit": 1}),
    ("sort the test channels in reverse order", {"channel.reorder": 1}),
    ("clone #lobby", {"channel.create": 1}),
    ("lock #lobby so nobody can write", {"overwrite.set": 1}),
    ("archive #old-news", {"channel.create": 1, "channel.edit": 1}),
    ("make a read-only archive of #lobby", {"channel.create": 1, "channel.edit": 1}),
    ("let Raiders manage messages in #lobby", {"overwrite.set": 1}),
    ("forbid @everyone to add reactions in #lobby", {"overwrite.set": 1}),
    ("create a role called Champion", {"role.create": 1}),
    ("create the roles Bronze, Silver and Gold", {"role.create": 3}),
    ("create a red role named Alert that is shown separately", {"role.create": 1}),
    ("rename the role Raider to Explorer", {"role.edit": 1}),
    ("allow the role Raider to manage messages", {"role.edit": 1}),
    ("delete the role Veteran", {"role.delete": 1}),
    ("put the role Veteran above Raider", {"role.reorder": 1}),
    ("give everyone with @Raider the role @Veteran", {"member.role_add": 2}),
    ("give crafter the role Veteran", {"member.role_add": 1}),
    ("take the role Raider from member", {"member.role_remove": 1}),
    ("take the role Raider from everybody who has it", {"member.role_remove": 2}),
    ("change the nickname of member to Mina the Brave", {"member.nickname": 1}),
    ("time out member for 10 minutes", {"member.timeout": 1}),
    ("kick crafter", {"member.kick": 1}),
    ("ban crafter and delete their messages of the last day", {"member.ban": 1}),
    ("ban member and crafter", {"member.bulk_ban": 1}),
    ("delete the last message in #lobby", {"message.delete": 1}),
    ("pin the newest message in #lobby", {"message.pin": 1}),
    ("open a thread called feedback in #lobby", {"thread.create": 1}),
    ("open a thread called rules in #lobby that begins with Be kind", {"thread.create": 1, "thread.message": 1}),
    ("make an invitation to #lobby that lasts one day", {"invite.create": 1}),
    ("create a webhook called News in #lobby", {"webhook.create": 1}),
    ("set the verification level to high", {"guild.edit": 1}),
    ("rename the server to The Hearth", {"guild.edit": 1}),
    ("notify members of mentions only", {"guild.edit": 1}),
    ("lock the test channels and delete #old-news", {"overwrite.set": 2, "channel.delete": 1}),
    ("create the role Scout and give it to member", {"role.create": 1, "member.role_add": 1}),
    ("make the server fly to the moon", {}),
)


def _instead(plan: plan_pb2.Plan, kinds: dict[str, int]) -> str:
    """What came in place of what was expected, and what was said about it."""
    status = plan_pb2.PlanStatus.Name(plan.status).removeprefix("PLAN_STATUS_").lower()
    said = [plan.question, plan.error, *plan.unsupported, *(f"{one.code}: {one.text}" for one in plan.problems)]
    return f"{status} {kinds} {' | '.join(filter(None, said))}"


async def main() -> None:
    """Ask, compare, print."""
    assert len(REQUESTS) == 60
    port = free_port()
    models = {name: value for name, value in os.environ.items() if name.startswith(_MODELS)}
    right = 0
    with tempfile.TemporaryDirectory() as folder:
        platform = RunningPlatform(Path(folder), {"EXECUTOR_PORT": str(port), **_UNHURRIED, **models})
        async with (
            platform,
            SandboxClient(platform.page, platform.control_token) as sandbox,
            bench_of(platform, sandbox, port) as bench,
        ):
            await bench.channels("test-a", "test-b", "old-news")
            await bench.channels("Hall", type=4)
            await bench.channels("Den", type=2)
            await bench.roles("Raider", "Veteran")
            await bench.furnish_for_words()
            for words, expected in REQUESTS:
                plan = await bench.drafted(words)
                kinds = dict(Counter(step.kind for step in plan.steps))
                right += kinds == expected
                print(
                    "ok  " if kinds == expected else "no  ", words, "" if kinds == expected else _instead(plan, kinds)
                )
    print(json.dumps({"requests": len(REQUESTS), "right": right, "share": round(right / len(REQUESTS), 3)}))


if __name__ == "__main__":
    asyncio.run(main())
