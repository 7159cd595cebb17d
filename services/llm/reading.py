"""Makes attachments ready for models. What is in a file decides what it is, never its name; one that is said to be a
picture has to be one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import pypdf
import structlog
from PIL import Image, ImageOps, UnidentifiedImageError
from pypdf.errors import PyPdfError

from chassis.errors import InvalidArgument
from services.llm.conversation import clean
from services.llm.feature_settings import AttachmentSettings
from services.llm.materials import Material

log = structlog.get_logger(__name__)
# Sizes are checked here before any pixel is decoded; the library's own check only warns.
Image.MAX_IMAGE_PIXELS = None
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
DRAWN_IN_TEXT = "image/svg+xml"
PDF_MAGIC = b"%PDF-"
JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Upload:
    """An attachment as it came."""

    attachment_id: str
    filename: str
    content_type: str
    data: bytes


def read(upload: Upload, settings: AttachmentSettings) -> Material:
    """What models get of an attachment. Takes time: call it off the loop.

    Raises InvalidArgument (ATTACHMENT_TOO_LARGE, ATTACHMENT_UNREADABLE, ATTACHMENT_UNSUPPORTED).
    """
    if len(upload.data) > settings.max_bytes:
        raise too_large(upload.filename, settings.max_bytes)
    if not upload.data:
        raise _refused(upload, "ATTACHMENT_UNREADABLE", "is empty")
    if upload.data.startswith(PDF_MAGIC):
        return _pdf(upload, settings)
    try:
        picture = Image.open(io.BytesIO(upload.data), formats=FORMATS)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        kind = upload.content_type.partition(";")[0].strip().lower()
        if kind.startswith("image/") and kind != DRAWN_IN_TEXT:
            # Whoever attached it means it to be seen, so reading it as text would answer something else.
            raise _refused(upload, "ATTACHMENT_UNREADABLE", "can't be read as a picture") from error
        return _text(upload, settings)
    return _picture(upload, picture, settings)


def too_large(filename: str, allowed: int) -> InvalidArgument:
    """The refusal of a file that is too large."""
    return InvalidArgument(
        f"{filename[:100]} is too large; {allowed / 2**20:.0f} MiB are taken.",
        reason="ATTACHMENT_TOO_LARGE",
        metadata={"filename": filename[:100], "allowed": str(allowed)},
    )


def _refused(upload: Upload, reason: str, why: str) -> InvalidArgument:
    name = upload.filename[:100]
    return InvalidArgument(f"{name} {why}.", reason=reason, metadata={"filename": name})


def _picture(upload: Upload, picture: Image.Image, settings: AttachmentSettings) -> Material:
    width, height = picture.size
    if width * height > settings.max_image_pixels:
        raise InvalidArgument(
            f"{upload.filename[:100]} is too large: {width} × {height} pixels.",
            reason="ATTACHMENT_TOO_LARGE",
            metadata={"filename": upload.filename[:100], "allowed_pixels": str(settings.max_image_pixels)},
        )
    try:
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((settings.image_side, settings.image_side))
        translucent = "A" in upright.getbands() or "transparency" in upright.info
        output = io.BytesIO()
        # Encoded anew, so that nothing but pixels gets through: no metadata, no place where it was taken.
        if translucent:
            upright.convert("RGBA").save(output, "PNG")
        else:
            upright.convert("RGB").save(output, "JPEG", quality=JPEG_QUALITY)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        log.info("a picture could not be read", error=repr(error))
        raise _refused(upload, "ATTACHMENT_UNREADABLE", "can't be read as a picture") from error
    media_type = "image/png" if translucent else "image/jpeg"
    return Material(upload.attachment_id, upload.filename, "image", media_type, data=output.getvalue())


def _pdf(upload: Upload, settings: AttachmentSettings) -> Material:
    try:
        document = pypdf.PdfReader(io.BytesIO(upload.data))
        if document.is_encrypted and not document.decrypt(""):
            raise _refused(upload, "ATTACHMENT_UNREADABLE", "is protected by a password")
        pages: list[str] = []
        length = 0
        for page in document.pages[: settings.max_pdf_pages]:
            pages.append(page.extract_text())
            length += len(pages[-1])
            if length > settings.max_text_chars:
                break
        cut = len(pages) < len(document.pages)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError) as error:
        log.info("a PDF could not be read", error=repr(error))
        raise _refused(upload, "ATTACHMENT_UNREADABLE", "can't be read as a PDF") from error
    text = clean("\n\n".join(pages))
    if not text:
        raise _refused(upload, "ATTACHMENT_UNREADABLE", "holds no text; is it scanned?")
    return _inlined(upload, text, "application/pdf", settings, cut=cut)


def _text(upload: Upload, settings: AttachmentSettings) -> Material:
    text = _decoded(upload.data)
    if text is None:
        kind = upload.content_type.split(";")[0][:60] or "this kind of file"
        raise _refused(
            upload, "ATTACHMENT_UNSUPPORTED", f"can't be read: {kind} is not supported; text, PDF and pictures are"
        )
    if not clean(text):
        raise _refused(upload, "ATTACHMENT_UNREADABLE", "is empty")
    return _inlined(upload, clean(text), "text/plain", settings)


def _decoded(data: bytes) -> str | None:
    """A text's characters; None where the bytes are no text."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    odd = sum(1 for character in text[:4_096] if character < " " and character not in "\t\n\r\f\x1b")
    return None if odd else text


def _inlined(
    upload: Upload, text: str, media_type: str, settings: AttachmentSettings, *, cut: bool = False
) -> Material:
    longest = settings.max_text_chars
    return Material(
        upload.attachment_id, upload.filename, "text", media_type, text=text[:longest], cut=cut or len(text) > longest
    )
