"""Files to attach, and how they are attached."""

import io
from collections.abc import AsyncIterator

from guildhall.llm.v1 import (
    attachment_pb2,
    attachment_pb2_grpc,
    generation_pb2,
)
from PIL import Image

from services.llm.tests.harness import ALICE, TIMEOUT, Llm


def png(size: tuple[int, int] = (4, 4)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "PNG")
    return buffer.getvalue()


async def attach(
    llm: Llm, attachment_id: str, name: str, data: bytes, kind: str = ""
) -> attachment_pb2.PutAttachmentResponse:
    async def parts() -> AsyncIterator[attachment_pb2.PutAttachmentRequest]:
        header = attachment_pb2.AttachmentHeader(attachment_id=attachment_id, filename=name, content_type=kind)
        yield attachment_pb2.PutAttachmentRequest(header=header)
        for start in range(0, len(data), 65_536):
            yield attachment_pb2.PutAttachmentRequest(chunk=data[start : start + 65_536])

    return await attachment_pb2_grpc.AttachmentServiceStub(llm.channel).PutAttachment(parts(), timeout=TIMEOUT)


def with_files(text: str, *ids: str) -> list[generation_pb2.Input]:
    return [generation_pb2.Input(text=text, author_id=ALICE.user_id, attachment_ids=ids)]


def a_pdf(text: str) -> bytes:
    """A PDF of one page, written by hand (ISO 32000-1, 7.5)."""
    content = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n%strailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        table,
        start,
    )
