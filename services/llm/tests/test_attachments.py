"""Attachments, and what becomes of them."""

import base64
import io
from pathlib import Path

import grpc
import pytest
from guildhall.llm.v1 import (
    attachment_pb2,
)
from PIL import Image

from services.llm.tests.files import a_pdf, attach, png, with_files
from services.llm.tests.harness import config, reason, running, variables
from services.llm.tests.upstream import upstream


async def test_a_picture_goes_to_a_model_that_sees_and_is_named_to_one_that_does_not(
    redis_url: str, tmp_path: Path
) -> None:
    models = {"openai/eyes": {"vision": True}, "openai/blind": {}}
    environment = {"GUILDHALL_CONFIG": config(tmp_path, models=models)}
    async with (
        upstream(models=["eyes", "blind"]) as provider,
        running(variables(redis_url, provider.url, **environment)) as llm,
    ):
        answer = await attach(llm, "a1", "big.png", png((3_000, 1_000)), "image/png")
        assert answer.kind == attachment_pb2.ATTACHMENT_KIND_IMAGE
        await llm.ask(inputs=with_files("What is it?", "a1"), model="openai/eyes")
        parts = provider.requests[0]["messages"][-1]["content"]
        kind, _, encoded = parts[1]["image_url"]["url"].partition(",")
        assert kind == "data:image/jpeg;base64"
        assert max(Image.open(io.BytesIO(base64.b64decode(encoded))).size) == 1_568
        blind = await llm.ask(inputs=with_files("", "a1"), model="openai/blind", turn_id="t2", conversation_id="c2")
        assert list(blind.started.notices) == ["This model can't see pictures."]
        assert "big.png" in provider.requests[1]["messages"][-1]["content"]


async def test_texts_and_pdfs_are_put_into_the_prompt_within_limits(redis_url: str) -> None:
    more = {"GUILDHALL_LLM__ATTACHMENTS__MAX_TEXT_CHARS": "50"}
    async with upstream() as provider, running(variables(redis_url, provider.url, **more)) as llm:
        assert not (await attach(llm, "a1", "notes.txt", "Grüße\n".encode(), "text/plain")).cut
        assert (await attach(llm, "a2", "long.py", b"x = 1\n" * 100)).cut
        assert (await attach(llm, "a3", "doc.pdf", a_pdf("Hello PDF"))).kind == attachment_pb2.ATTACHMENT_KIND_TEXT
        answer = await llm.ask(inputs=with_files("Read", "a1", "a2", "a3"))
        assert list(answer.started.notices) == ["Only the beginning of long.py was read."]
        said = provider.requests[0]["messages"][-1]["content"]
        assert [part in said for part in ("Read", "Grüße", "x = 1", "left out", "Hello PDF")] == [True] * 5
        await llm.ask("And now?", turn_id="t2")
        assert "Hello PDF" in provider.requests[1]["messages"][1]["content"]


async def test_what_is_said_to_be_a_picture_has_to_be_one(redis_url: str) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await attach(llm, "a1", "x.png", b"hello world", "image/png")
        assert reason(caught.value) == "ATTACHMENT_UNREADABLE"
        drawn = await attach(llm, "a2", "x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
        assert drawn.kind == attachment_pb2.ATTACHMENT_KIND_TEXT


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.zip", b"PK\x03\x04" + b"\0\1\2" * 50, "ATTACHMENT_UNSUPPORTED"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "ATTACHMENT_UNSUPPORTED"),
        ("b.png", png((64, 64))[:80], "ATTACHMENT_UNREADABLE"),
        ("a.pdf", b"%PDF-1.4 nothing", "ATTACHMENT_UNREADABLE"),
        ("a.txt", b" \n ", "ATTACHMENT_UNREADABLE"),
        ("empty", b"", "ATTACHMENT_UNREADABLE"),
        ("large.txt", b"a" * 70_000, "ATTACHMENT_TOO_LARGE"),
        ("bomb.png", png((700, 700)), "ATTACHMENT_TOO_LARGE"),
    ],
)
async def test_attachments_that_are_refused(redis_url: str, name: str, data: bytes, why: str) -> None:
    more = {"GUILDHALL_LLM__ATTACHMENTS__MAX_BYTES": "66000", "GUILDHALL_LLM__ATTACHMENTS__MAX_IMAGE_PIXELS": "400000"}
    async with upstream() as provider, running(variables(redis_url, provider.url, **more)) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await attach(llm, "a1", name, data)
        assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, why)
        assert name in (caught.value.details() or "")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask(inputs=with_files("Read", "a1"))
        assert reason(caught.value) == "ATTACHMENT_UNKNOWN"
