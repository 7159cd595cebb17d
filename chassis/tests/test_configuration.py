from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from chassis.settings import Env, FromSection, Secret, Section
from chassis.settings.loading import load, load_all
from chassis.settings.problems import ConfigurationError


class Provider(Section):
    base_url: Annotated[str, Env("NOT_FOR_ENTRIES")] = "https://example.invalid"
    api_key: Secret | None = None


class Access(Section):
    token: Annotated[Secret, Env("DISCORD_TOKEN")]
    api: Annotated[str, Env("DISCORD_API_BASE")] = "https://discord.invalid"


class Limits(Section):
    burst: Annotated[int, Field(ge=1)] = 5
    names: tuple[str, ...] = ()


class Settings(Section):
    limits: Limits = Limits()
    discord: Annotated[Access, FromSection("discord")] = Access(token=Secret("default-token"))
    providers: Annotated[dict[str, Provider], FromSection("providers")] = {}
    greeting: str = "hello"


class Demanding(Section):
    discord: Annotated[Access, FromSection("discord")]


def written(path: Path, text: str) -> dict[str, str]:
    path.write_text(text)
    return {"GUILDHALL_CONFIG": str(path)}


def problems(variables: dict[str, str], settings_type: type[Section] = Settings) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load("gateway", settings_type, variables)
    return [str(problem) for problem in caught.value.problems]


def test_nothing_given_means_the_defaults(configuration_file: Path) -> None:
    found = load("gateway", Settings, {"GUILDHALL_CONFIG": str(configuration_file)})
    assert found.service == Settings()
    assert found.shared.rpc.address("llm") == "127.0.0.1:50051"
    assert found.shared.redis.address("durable") == "redis://127.0.0.1:6379/0"


def test_the_file_and_over_it_the_environment(configuration_file: Path) -> None:
    variables = written(
        configuration_file,
        """
gateway: {limits: {burst: 7, names: [a]}, greeting: hi}
rpc: {ports: {llm: 1234}}
redis: {timeout: 2}
board: {whatever: this is not the gateway's business}
""",
    ) | {
        "GUILDHALL_GATEWAY__LIMITS__BURST": "9",
        "GUILDHALL_GATEWAY__LIMITS__NAMES": "[x, y]",
        "GUILDHALL_REDIS__RETRIES": "1",
        "REDIS_LIMITS_URL": "redis://limits:6379",
        "GUILDHALL_SERVICE_PORT": "tcp://10.0.0.1",
    }
    found = load("gateway", Settings, variables)
    assert found.service.limits == Limits(burst=9, names=("x", "y"))
    assert found.service.greeting == "hi"
    assert found.shared.rpc.ports["llm"] == 1234
    assert found.shared.rpc.ports["board"] == 50054
    assert (found.shared.redis.timeout, found.shared.redis.retries) == (2.0, 1)
    assert found.shared.redis.address("limits") == "redis://limits:6379"
    assert found.shared.redis.address("cache") == "redis://127.0.0.1:6379/0"


def test_a_text_stays_a_text_however_it_looks(configuration_file: Path) -> None:
    variables = {"GUILDHALL_CONFIG": str(configuration_file), "GUILDHALL_GATEWAY__GREETING": "no"}
    assert load("gateway", Settings, variables).service.greeting == "no"
    assert load("gateway", Settings, variables | {"GUILDHALL_GATEWAY__GREETING": "12e4"}).service.greeting == "12e4"
    assert load("gateway", Settings, variables | {"GUILDHALL_GATEWAY__GREETING": "a: [b"}).service.greeting == "a: [b"


def test_secrets_come_from_variables_and_files(configuration_file: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    variables = written(
        configuration_file,
        """
providers:
  one: {api_key: "${ONE_KEY}"}
  two: {api_key: "${TWO_KEY}", base_url: "${TWO_URL:-http://two}/v1"}
  three: {api_key: "${THREE_KEY}"}
""",
    ) | {"DISCORD_TOKEN_FILE": str(tmp_path / "token"), "ONE_KEY": "key-one", "TWO_KEY_FILE": str(tmp_path / "token")}
    found = load("gateway", Settings, variables).service
    assert found.discord.token.get_secret_value() == "from-a-file"
    assert found.providers["one"].api_key == Secret("key-one")
    assert found.providers["two"].api_key == Secret("from-a-file")
    assert found.providers["two"].base_url == "http://two/v1"
    assert found.providers["three"].api_key is None
    assert "key-one" not in repr(found)
    assert "from-a-file" not in repr(found)


def test_a_key_of_ours_wins_over_a_well_known_name(configuration_file: Path) -> None:
    variables = {
        "GUILDHALL_CONFIG": str(configuration_file),
        "DISCORD_API_BASE": "http://well-known",
        "DISCORD_TOKEN": "well-known-token",
        "GUILDHALL_DISCORD__API": "http://ours",
    }
    found = load("gateway", Settings, variables).service.discord
    assert found.api == "http://ours"
    assert found.token == Secret("well-known-token")


def test_every_mistake_is_named_at_once(configuration_file: Path) -> None:
    variables = written(
        configuration_file,
        """
gateway:
  limits: {burst: 0, naems: [a]}
  greetng: hi
  discord: {token: sk-very-secret}
providers:
  one: {api_key: sk-very-secret, base: x}
redis: {timeout: soon}
rdis: {}
telemetry: {sampling_ratio: 2}
""",
    ) | {"GUILDHALL_LOGGING__LEVEL": "chatty", "DISCORD_TOKEN_FILE": "/nowhere/token"}
    found = problems(variables)
    assert [problem.partition(":")[0] for problem in found] == [
        "DISCORD_TOKEN_FILE",
        "gateway.discord",
        "gateway.greetng",
        "gateway.limits.burst",
        "gateway.limits.naems",
        "logging.level",
        "providers.one.api_key",
        "providers.one.base",
        "rdis",
        "redis.timeout",
        "telemetry.sampling_ratio",
    ]
    text = "\n".join(found)
    assert "did you mean greeting?" in text
    assert "did you mean names?" in text
    assert "did you mean base_url?" in text
    assert "did you mean redis?" in text
    assert "very-secret" not in text


def test_a_secret_in_the_file_is_refused_with_what_to_do_instead(configuration_file: Path) -> None:
    found = problems(written(configuration_file, "discord: {token: sk-very-secret}"))
    assert found == [
        "discord.token: a secret must not stand in the file "
        "(set DISCORD_TOKEN or DISCORD_TOKEN_FILE, or write ${NAME} here)"
    ]


def test_what_is_missing_is_named_by_its_well_known_variable(configuration_file: Path) -> None:
    found = problems({"GUILDHALL_CONFIG": str(configuration_file)}, Demanding)
    assert found == ["discord.token: is missing (set DISCORD_TOKEN or DISCORD_TOKEN_FILE)"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gateway: [unclosed", "line 1"),
        ("- a list", "must be a mapping of sections"),
        ("gateway: {greeting: a}\ngateway: {greeting: b}", "'gateway' is given twice"),
        ("gateway: a text", "gateway: must be a mapping"),
        ("redis: [a]", "redis"),
    ],
)
def test_a_file_that_is_no_configuration(configuration_file: Path, text: str, said: str) -> None:
    assert said in "\n".join(problems(written(configuration_file, text)))


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert "there is no file" in problems({"GUILDHALL_CONFIG": str(tmp_path / "nothing.yaml")})[0]


def test_all_services_are_checked_at_once(configuration_file: Path) -> None:
    variables = written(configuration_file, "gateway: {x: 1}\nboard: {y: 1}")
    with pytest.raises(ConfigurationError) as caught:
        load_all({"gateway": Settings, "board": Limits}, variables)
    assert [problem.path for problem in caught.value.problems] == ["board.y", "gateway.x"]
