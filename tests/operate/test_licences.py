"""What licences are let in, and that all of those that are installed are."""

from email.message import Message

import pytest

from operate import licences


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND CNRI-Python", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("(AGPL-3.0-only OR MIT) AND BSD-3-Clause", True),
        ("(AGPL-3.0-only AND MIT) OR LGPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("MIT OR", False),
        ("(MIT", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_which_licences_are_let_in(expression: str, allowed: bool) -> None:
    assert licences.acceptable(expression) is allowed


@pytest.mark.parametrize(
    ("headers", "expression"),
    [
        ([("License-Expression", "MIT AND PSF-2.0"), ("License", "GPL")], "MIT AND PSF-2.0"),
        ([("License", "MIT License\n\nCopyright (c)")], "MIT"),
        ([("License", ""), ("Classifier", "License :: OSI Approved :: Apache Software License")], "Apache-2.0"),
        ([("Classifier", "License :: OSI Approved :: GNU General Public License v3 (GPLv3)")], None),
        ([("License", "do what you like")], "do what you like"),
        ([], "unknown"),
    ],
)
def test_how_a_licence_is_read(headers: list[tuple[str, str]], expression: str | None) -> None:
    message = Message()
    for name, value in headers:
        message[name] = value
    found = licences.expression(message)
    if expression is None:
        assert not licences.acceptable(found)
    else:
        assert found == expression


def test_what_is_installed_may_be_used() -> None:
    found = list(licences.installed(licences.LOCK.read_text()))
    assert len(found) > 40
    assert [one for one in found if not licences.acceptable(one.licence)] == []


def test_the_list_is_that_of_what_is_installed() -> None:
    listed = licences.LIST.read_text()
    missing = [
        one.name
        for one in licences.installed(licences.LOCK.read_text())
        if f"| {one.name} | {one.licence} |" not in listed
    ]
    assert missing == [], "run `make licences`"
