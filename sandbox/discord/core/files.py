"""Uploaded files: kept by id, served by the sandbox's own CDN."""

import io
import mimetypes
import re
from collections.abc import Iterable, Sequence

from PIL import Image

from sandbox.discord.core.message_form import AttachmentForm
from sandbox.discord.entities import JSON, Attachment, Message
from sandbox.discord.world import World

_UNSAFE = re.compile(r"[^\w.\-]")


def keep(world: World, forms: Sequence[AttachmentForm], existing: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """The attachments that a form leaves on a message, new files stored."""
    by_id = {old.id: old for old in existing}
    answer = []
    for form in forms:
        if form.kept_id is not None:
            old = by_id[form.kept_id]
            if form.description is not None:
                old.description = form.description
            answer.append(old)
        elif form.upload is not None:
            name = _UNSAFE.sub("_", form.filename or form.upload.filename)
            kept = store(world, name, form.upload.data, form.upload.content_type)
            kept.description = form.description
            kept.title = form.title
            answer.append(kept)
    for gone in set(by_id) - {kept.id for kept in answer}:
        world.files.pop(gone, None)
    return tuple(answer)


def store(world: World, filename: str, data: bytes, content_type: str = "") -> Attachment:
    """Keeps a file's bytes and describes it."""
    kind = content_type
    if not kind or kind == "application/octet-stream":
        kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    record = Attachment(world.new_id(), filename, len(data), kind, spoiler=filename.startswith("SPOILER_"))
    if kind.startswith("image/"):
        record.width, record.height = _dimensions(data)
    world.files[record.id] = data
    world.file_kinds[record.id] = kind
    return record


def _dimensions(data: bytes) -> tuple[int | None, int | None]:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.width, picture.height
    except (OSError, ValueError, Image.DecompressionBombError):
        return None, None


def resolve_media(world: World, message: Message) -> None:
    """Points `attachment://name` in embeds and components at the stored file."""
    if not message.attachments or not (message.embeds or message.components):
        return
    by_name = {a.filename: a for a in message.attachments}

    def address(value: object) -> tuple[str, Attachment] | None:
        if isinstance(value, str) and value.startswith("attachment://"):
            found = by_name.get(_UNSAFE.sub("_", value.removeprefix("attachment://")))
            if found is not None:
                return world.cdn_address(message.channel_id, found.id, found.filename), found
        return None

    def walk(items: Iterable[JSON]) -> None:
        for item in items:
            for key in ("url", "icon_url", "proxy_url"):
                found = address(item.get(key))
                if found is not None:
                    item[key] = found[0]
                    if key == "url" and "proxy_url" in item:
                        item.update(
                            attachment_id=str(found[1].id),
                            content_type=found[1].content_type,
                            width=found[1].width,
                            height=found[1].height,
                        )
                        item["proxy_url"] = found[0]
            if item.get("type") == 13 and isinstance(item.get("file"), dict) and item.get("name") in by_name:
                item["size"] = by_name[item["name"]].size
            walk(v for v in item.values() if isinstance(v, dict))
            for value in item.values():
                if isinstance(value, list):
                    walk(v for v in value if isinstance(v, dict))

    walk(message.embeds)
    walk(message.components)
