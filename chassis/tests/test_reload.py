import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
import watchfiles
import yaml

from chassis.settings import AtStart, Live, Section
from chassis.settings.loading import load
from chassis.settings.reload import Reloader
from tests.support import ManualClock, eventually


class Connection(Section):
    address: str = "here"
    patience: int = 1


class Settings(Section):
    greeting: str = "hello"
    limits: dict[str, int] = {}
    connection: Annotated[Connection, AtStart()] = Connection()


def reloader_for(path: Path, more: dict[str, str] | None = None) -> Reloader[Settings]:
    variables = {"GUILDHALL_CONFIG": str(path), **(more or {})}
    return Reloader("gateway", Settings, variables, load("gateway", Settings, variables), ManualClock())


@asynccontextmanager
async def watching(reloader: Reloader[Settings]) -> AsyncIterator[None]:
    task = asyncio.create_task(reloader.watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_a_good_file_is_swapped_in_whole(configuration_file: Path) -> None:
    configuration_file.write_text("gateway: {greeting: one, limits: {a: 1, b: 2}}")
    reloader = reloader_for(configuration_file)
    heard: list[tuple[str, str]] = []
    reloader.settings.subscribe(lambda old, new: heard.append((old.greeting, new.greeting)))
    configuration_file.write_text("gateway: {greeting: two, limits: {a: 1, b: 3, c: 4}}\nredis: {timeout: 9}")
    outcome = reloader.reload()
    assert outcome.accepted
    assert reloader.settings.current.greeting == "two"
    assert reloader.shared.current.redis.timeout == 9
    assert outcome.changed == ("gateway.greeting", "gateway.limits.b", "gateway.limits.c", "redis.timeout")
    assert outcome.restart_needed == ("redis.timeout",)
    assert heard == [("one", "two")]
    assert reloader.revision == outcome.revision


def test_what_takes_effect_at_the_next_start_is_named(configuration_file: Path) -> None:
    configuration_file.write_text("gateway: {greeting: one}")
    reloader = reloader_for(configuration_file)
    configuration_file.write_text("gateway: {greeting: two, connection: {patience: 2}}")
    outcome = reloader.reload()
    assert outcome.changed == ("gateway.greeting", "gateway.connection.patience")
    assert outcome.restart_needed == ("gateway.connection.patience",)
    configuration_file.write_text("gateway: {greeting: three, connection: {patience: 2}}")
    assert reloader.reload().restart_needed == ()


def test_a_bad_file_changes_nothing_and_is_reported(configuration_file: Path) -> None:
    configuration_file.write_text("gateway: {greeting: one}")
    reloader = reloader_for(configuration_file)
    before = reloader.settings.current, reloader.shared.current, reloader.revision
    configuration_file.write_text("gateway: {greeting: two, limits: {a: many}}\nredis: {timeot: 1}")
    outcome = reloader.reload()
    assert not outcome.accepted
    assert [problem.path for problem in outcome.problems] == ["gateway.limits.a", "redis.timeot"]
    assert (reloader.settings.current, reloader.shared.current, reloader.revision) == before
    assert reloader.last is outcome


def test_a_guard_may_refuse_what_the_models_allow(configuration_file: Path) -> None:
    reloader = reloader_for(configuration_file)

    def no_shouting(settings: Settings) -> None:
        if settings.greeting.isupper():
            raise ValueError("the greeting must not shout")

    reloader.settings.guard(no_shouting)
    configuration_file.write_text("gateway: {greeting: HEY}")
    assert [str(problem) for problem in reloader.reload().problems] == ["gateway: the greeting must not shout"]
    assert reloader.settings.current.greeting == "hello"


def test_a_deaf_subscriber_keeps_no_other_from_hearing() -> None:
    live, heard = Live(1), []

    def deaf(old: int, new: int) -> None:
        raise RuntimeError("deaf")

    live.subscribe(deaf)
    end = live.subscribe(lambda old, new: heard.append(new))
    live.replace(2)
    live.replace(2)
    end()
    live.replace(3)
    assert heard == [2]
    assert live.current == 3


async def test_a_changed_file_is_noticed(configuration_file: Path) -> None:
    reloader = reloader_for(configuration_file)
    async with watching(reloader):

        async def changed(text: str, greeting: str) -> None:
            configuration_file.write_text(text)
            await eventually(lambda: reloader.settings.current.greeting == greeting)

        # The first write may come before the watch does, so it is made until it is seen.
        await eventually(lambda: _touch(configuration_file, reloader), interval=0.2)
        await changed("gateway: {greeting: two}", "two")
        fresh = configuration_file.with_suffix(".new")
        fresh.write_text("gateway: {greeting: three}")
        fresh.replace(configuration_file)
        await eventually(lambda: reloader.settings.current.greeting == "three")


def _touch(path: Path, reloader: Reloader[Settings]) -> bool:
    path.write_text(f"gateway: {{greeting: start}}\n# {os.urandom(4).hex()}\n")
    return reloader.settings.current.greeting == "start"


async def test_what_did_not_change_is_not_read_as_yaml_again(
    configuration_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reloader = reloader_for(configuration_file)
    looks, reads = 0, 0
    awatch, parse = watchfiles.awatch, yaml.load

    async def counted_looks(*folders: Path, **options: Any) -> AsyncIterator[Any]:
        nonlocal looks
        async for changes in awatch(*folders, **options):
            yield changes
            looks += 1  # asked for the next: it looked at these

    def counted_read(*arguments: Any) -> Any:
        nonlocal reads
        reads += 1
        return parse(*arguments)

    monkeypatch.setattr(watchfiles, "awatch", counted_looks)
    monkeypatch.setattr(yaml, "load", counted_read)
    async with watching(reloader):
        for place in range(3):
            configuration_file.with_name("beside").write_text(str(place))
            before = looks
            await eventually(lambda before=before: looks > before, timeout=10)  # type: ignore[misc]
        assert reads == 0
        configuration_file.write_text("gateway: {greeting: anew}")
        await eventually(lambda: reloader.settings.current.greeting == "anew", timeout=10)
    assert reads > 0


async def test_kubernetes_swap_of_a_link_is_noticed(tmp_path: Path) -> None:
    def version(number: int, text: str) -> Path:
        folder = tmp_path / f"..{number}"
        folder.mkdir()
        (folder / "guildhall.yaml").write_text(text)
        return folder

    def swap(folder: Path) -> None:
        fresh = tmp_path / "..data_tmp"
        fresh.symlink_to(folder.name)
        fresh.replace(tmp_path / "..data")

    swap(version(1, "gateway: {greeting: one}"))
    (tmp_path / "guildhall.yaml").unlink(missing_ok=True)
    (tmp_path / "guildhall.yaml").symlink_to("..data/guildhall.yaml")
    reloader = reloader_for(tmp_path / "guildhall.yaml")
    async with watching(reloader):
        numbers = iter(range(2, 100))

        def seen() -> bool:
            swap(version(next(numbers), "gateway: {greeting: two}"))
            return reloader.settings.current.greeting == "two"

        await eventually(seen, interval=0.3)


async def test_a_changed_secret_file_is_noticed(configuration_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "password").write_text("first-password")
    reloader = reloader_for(configuration_file, {"REDIS_PASSWORD_FILE": str(folder / "password")})

    def seen() -> bool:
        (folder / "password").write_text(f"second-password-{os.urandom(2).hex()}")
        secret = reloader.shared.current.redis.password
        return secret is not None and secret.get_secret_value().startswith("second")

    async with watching(reloader):
        await eventually(seen, interval=0.3)
    assert reloader.last is not None
    assert reloader.last.changed == ("redis.password",)
    assert "password-" not in repr(reloader.last)


async def test_a_secret_file_by_a_relative_path_is_noticed_and_never_seen_half_written(
    configuration_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("password")
    file.write_text("first")
    reloader = reloader_for(configuration_file, {"REDIS_PASSWORD_FILE": "password"})
    held: list[str | None] = []

    def note(old: Any, new: Any) -> None:
        held.append(new.redis.password and new.redis.password.get_secret_value())

    reloader.shared.subscribe(note)

    def seen() -> bool:
        # As a shell writes it, and some editors: emptied first, with a byte order mark and a line's end of Windows'.
        with file.open("w", encoding="utf-8-sig") as opened:
            opened.flush()
            opened.write(f"second-{os.urandom(2).hex()}\r\n")
        return bool(held)

    async with watching(reloader):
        await eventually(seen, interval=0.3)
        assert all(value is not None and value.startswith("second-") for value in held), held
        # One that stays empty was taken away.
        file.write_text("")
        await eventually(lambda: held[-1] is None)


async def test_a_broken_file_is_refused_while_watching_too(configuration_file: Path) -> None:
    configuration_file.write_text("gateway: {greeting: one}")
    reloader = reloader_for(configuration_file)

    def refused() -> bool:
        configuration_file.write_text(f"gateway: {{greeting: [ # {os.urandom(2).hex()}")
        return reloader.last is not None and not reloader.last.accepted

    async with watching(reloader):
        await eventually(refused, interval=0.3)
        assert reloader.settings.current.greeting == "one"
