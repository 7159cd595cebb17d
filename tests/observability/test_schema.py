"""The schema of telemetry and the code say the same names."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
_LITERAL = re.compile(r"""["'](guildhall\.[a-z_]+(?:\.[a-z_]+)*)["']""")
# What begins like one of our names and is none: contracts, and the file of the configuration.
_OTHERS = re.compile(r"\.v1|\.yaml$|\.pth$")


def in_the_code() -> set[str]:
    """Every name of ours that stands in the code, tests apart."""
    found = set()
    for folder in ("chassis", "services", "views"):
        for path in (ROOT / folder).rglob("*.py"):
            if "tests" not in path.parts:
                found |= set(_LITERAL.findall(path.read_text(encoding="utf-8")))
    return {name for name in found if not _OTHERS.search(name)}


def test_the_schema_names_what_the_code_says_and_nothing_else() -> None:
    schema = yaml.safe_load((ROOT / "chassis/telemetry/schema.yaml").read_text(encoding="utf-8"))
    assert in_the_code() == {*schema["attributes"], *schema["metrics"]}


def test_each_entry_says_what_it_means() -> None:
    schema = yaml.safe_load((ROOT / "chassis/telemetry/schema.yaml").read_text(encoding="utf-8"))
    assert all(text.endswith(".") for text in schema["attributes"].values())
    for name, metric in schema["metrics"].items():
        assert set(metric) == {"kind", "unit", "says"}, name
        assert metric["kind"] in ("counter", "gauge", "histogram"), name
