"""Embeds: https://discord.com/developers/docs/resources/message#embed-object-embed-limits"""

from urllib.parse import urlsplit

from sandbox.discord.checks.fields import Fields
from sandbox.discord.entities import JSON
from sandbox.discord.limits import SIZES

_SCHEMES = ("http", "https", "attachment")


def read_embeds(fields: Fields) -> tuple[JSON, ...]:
    """The body's `embeds`, as stored."""
    total = 0
    answer = []
    children = fields.children("embeds", high=SIZES.embeds)
    for embed in children:
        stored, size = _embed(embed)
        total += size
        answer.append(stored)
    if total > SIZES.embed_total:
        fields.fail(
            ("embeds", max(0, len(children) - 1)),
            "MAX_EMBED_SIZE_EXCEEDED",
            f"Embed size exceeds maximum size of {SIZES.embed_total}",
        )
    return tuple(answer)


def _embed(fields: Fields) -> tuple[JSON, int]:
    stored: JSON = {"type": "rich"}
    size = 0
    for name, high in (("title", SIZES.embed_title), ("description", SIZES.embed_description)):
        value = fields.text(name, high=high)
        if value:
            stored[name] = value.strip()
            size += len(value.strip())
    address = _address(fields, "url")
    if address:
        stored["url"] = address
    color = fields.integer("color", low=0, high=SIZES.colour)
    if color is not None:
        stored["color"] = color
    if fields.time("timestamp") is not None:
        stored["timestamp"] = fields.body["timestamp"]
    rows, characters = _rows(fields)
    size += characters
    if rows:
        stored["fields"] = rows
    footer = fields.child("footer")
    if footer is not None:
        text = footer.text("text", high=SIZES.embed_footer, default="")
        size += len(text)
        stored["footer"] = {"text": text, **_icon(footer)}
    author = fields.child("author")
    if author is not None:
        text = author.text("name", high=SIZES.embed_author, default="")
        size += len(text)
        stored["author"] = {"name": text, **_icon(author)}
        address = _address(author, "url")
        if address:
            stored["author"]["url"] = address
    stored.update(_pictures(fields))
    if len(stored) == 1:
        fields.fail("description", "BASE_TYPE_REQUIRED", "This field is required")
    return stored, size


def _pictures(fields: Fields) -> JSON:
    stored: JSON = {}
    for name in ("image", "thumbnail"):
        picture = fields.child(name)
        if picture is not None:
            address = _address(picture, "url", required=True)
            if address:
                stored[name] = {"url": address}
    return stored


def _rows(fields: Fields) -> tuple[list[JSON], int]:
    rows, size = [], 0
    for row in fields.children("fields", high=SIZES.embed_fields):
        name = row.text("name", low=1, high=SIZES.embed_field_name, required=True, default="")
        value = row.text("value", low=1, high=SIZES.embed_field_value, required=True, default="")
        size += len(name) + len(value)
        rows.append({"name": name, "value": value, "inline": row.boolean("inline", default=False)})
    return rows, size


def _icon(fields: Fields) -> JSON:
    address = _address(fields, "icon_url")
    return {"icon_url": address} if address else {}


def _address(fields: Fields, name: str, *, required: bool = False) -> str | None:
    value: str | None = fields.text(name, high=SIZES.address, required=required)
    if not value:
        return None
    scheme = urlsplit(value).scheme
    if scheme not in _SCHEMES:
        listed = ", ".join(repr(s) for s in _SCHEMES)
        fields.fail(
            name, "URL_TYPE_INVALID_SCHEME", f'Scheme "{scheme}" is not supported. Scheme must be one of ({listed}).'
        )
        return None
    return value
