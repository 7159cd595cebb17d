"""A message's body, checked and ready to be sent or applied; pure.

Source: https://discord.com/developers/docs/resources/message#create-message and #edit-message
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sandbox.discord.checks import mentions
from sandbox.discord.checks.components import Reading, read_components
from sandbox.discord.checks.embeds import read_embeds
from sandbox.discord.checks.fields import MISSING, Fields
from sandbox.discord.entities import JSON, Message, MessageFlag
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import SIZES

SETTABLE = (
    MessageFlag.SUPPRESS_EMBEDS
    | MessageFlag.SUPPRESS_NOTIFICATIONS
    | MessageFlag.IS_COMPONENTS_V2
    | MessageFlag.IS_VOICE_MESSAGE
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart body: `index` is n in `files[n]`."""

    index: int
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class AttachmentForm:
    """One entry of `attachments`: a new file (`upload`) or one to keep (`kept_id`)."""

    kept_id: int | None
    upload: Upload | None
    filename: str | None = None
    description: str | None = None
    title: str | None = None


@dataclass(slots=True)
class MessageForm:
    """None means that the body does not say (which matters for an edit)."""

    content: str | None = None
    embeds: tuple[JSON, ...] | None = None
    components: tuple[JSON, ...] | None = None
    attachments: list[AttachmentForm] | None = None
    flags: int | None = None
    allowed: mentions.Allowed = field(default_factory=mentions.Allowed)
    tts: bool = False
    nonce: str | int | None = None
    enforce_nonce: bool = False
    reference: JSON | None = None
    stickers: tuple[int, ...] = ()
    poll: JSON | None = None
    username: str | None = None
    avatar_url: str | None = None
    thread_name: str | None = None
    applied_tags: tuple[int, ...] = ()

    @property
    def is_v2(self) -> bool:
        """Whether the body asks for Components V2."""
        return bool((self.flags or 0) & MessageFlag.IS_COMPONENTS_V2)


def read_message(
    fields: Fields,
    uploads: Sequence[Upload] = (),
    *,
    new_media_id: Callable[[], int],
    editing: Message | None = None,
    ephemeral_allowed: bool = False,
    may_be_empty: bool = False,
) -> MessageForm:
    """Reads a body. `editing` is the message it is applied to; raises 50035, 50006 or 413."""
    form = MessageForm()
    if sum(len(upload.data) for upload in uploads) > SIZES.request_bytes:
        raise DiscordError(40005)
    flags = fields.integer("flags", low=0)
    if flags is not None:
        settable = SETTABLE | (MessageFlag.EPHEMERAL if ephemeral_allowed else 0)
        form.flags = flags & settable
    was_v2 = editing is not None and bool(editing.flags & MessageFlag.IS_COMPONENTS_V2)
    v2 = form.is_v2 or was_v2
    if fields.has("content"):
        form.content = (fields.text("content", high=SIZES.content, default="")).strip()
    elif editing is None:
        form.content = ""
    if fields.has("embeds") or editing is None:
        form.embeds = read_embeds(fields)
    reading = Reading()
    if fields.has("components") or editing is None:
        form.components, reading = read_components(fields, v2=v2, new_media_id=new_media_id)
    form.allowed = mentions.read_allowed(fields)
    form.attachments = _attachments(fields, uploads, editing)
    if editing is None:
        _creation_only(fields, form)
    if v2:
        _refuse_legacy(fields, form)
    known = {u.filename for u in uploads} | {a.filename for a in (editing.attachments if editing else ())}
    for name in sorted(reading.files - known):
        fields.fail(
            "components",
            "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
            f'The referenced attachment "{name}" was not found',
        )
    fields.done()
    if not may_be_empty and _empty(form, editing):
        raise DiscordError(50006)
    return form


def _creation_only(fields: Fields, form: MessageForm) -> None:
    form.tts = fields.boolean("tts", default=False)
    nonce = fields.raw("nonce")
    if nonce is not MISSING and nonce is not None:
        form.nonce = (
            nonce if isinstance(nonce, int) and not isinstance(nonce, bool) else fields.text("nonce", high=SIZES.nonce)
        )
    form.enforce_nonce = fields.boolean("enforce_nonce", default=False)
    form.stickers = tuple(fields.snowflakes("sticker_ids", high=SIZES.stickers) or ())
    reference = fields.child("message_reference")
    if reference is not None:
        form.reference = {
            "message_id": reference.snowflake("message_id", required=True, default=0),
            "channel_id": reference.snowflake("channel_id"),
            "type": reference.choice("type", (0, 1), default=0),
            "fail_if_not_exists": reference.boolean("fail_if_not_exists", default=True),
        }
    form.username = fields.text("username", low=1, high=SIZES.webhook_name)
    form.avatar_url = fields.text("avatar_url", high=SIZES.address)
    form.thread_name = fields.text("thread_name", high=SIZES.channel_name)
    form.applied_tags = tuple(fields.snowflakes("applied_tags", high=SIZES.post_tags) or ())
    poll = fields.child("poll")
    if poll is not None:
        form.poll = _poll(poll)


def _poll(fields: Fields) -> JSON:
    question = fields.child("question")
    text = "" if question is None else question.text("text", low=1, high=SIZES.poll_question, required=True, default="")
    if question is None:
        fields.fail("question", "BASE_TYPE_REQUIRED", "This field is required")
    answers = []
    for number, answer in enumerate(fields.children("answers", low=1, high=SIZES.poll_answers, required=True), start=1):
        media = answer.child("poll_media")
        words = "" if media is None else media.text("text", low=1, high=SIZES.poll_answer, required=True, default="")
        answers.append({"answer_id": number, "poll_media": {"text": words}})
    return {
        "question": {"text": text},
        "answers": answers,
        "hours": fields.integer("duration", low=1, high=SIZES.poll_hours, default=24),
        "allow_multiselect": fields.boolean("allow_multiselect", default=False),
        "layout_type": fields.choice("layout_type", (1,), default=1),
    }


def _attachments(fields: Fields, uploads: Sequence[Upload], editing: Message | None) -> list[AttachmentForm] | None:
    if len(uploads) > SIZES.attachments:
        raise DiscordError(30015)
    for upload in uploads:
        if len(upload.data) > SIZES.attachment_bytes:
            raise DiscordError(40005)
    if not fields.has("attachments") or fields.raw("attachments") is None:
        if not uploads:
            return None if editing is not None else []
        new = [AttachmentForm(None, upload, upload.filename) for upload in uploads]
        kept = [AttachmentForm(old.id, None) for old in (editing.attachments if editing else ())]
        return kept + new
    by_index = {upload.index: upload for upload in uploads}
    kept_ids = {old.id for old in (editing.attachments if editing else ())}
    answer = []
    for entry in fields.children("attachments", high=SIZES.attachments):
        number = entry.snowflake("id", required=True, default=-1)
        description = entry.text("description", high=SIZES.attachment_description)
        name = entry.text("filename", low=1, high=SIZES.filename)
        title = entry.text("title", high=SIZES.filename)
        if number in by_index:
            upload = by_index[number]
            answer.append(AttachmentForm(None, upload, name or upload.filename, description, title))
        elif number in kept_ids:
            answer.append(AttachmentForm(number, None, name, description, title))
        else:
            entry.fail("id", "ATTACHMENT_NOT_FOUND", f'Attachment "{number}" was not found')
    return answer


def _refuse_legacy(fields: Fields, form: MessageForm) -> None:
    legacy = {"content": form.content, "embeds": form.embeds, "sticker_ids": form.stickers, "poll": form.poll}
    for name, value in legacy.items():
        if value:
            fields.fail(
                name,
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
            )


def _empty(form: MessageForm, editing: Message | None) -> bool:
    def remains(new: object, old: object) -> bool:
        return bool(old if new is None else new)

    old = editing
    return not (
        remains(form.content, old.content if old else "")
        or remains(form.embeds, old.embeds if old else ())
        or remains(form.components, old.components if old else ())
        or remains(form.attachments, old.attachments if old else ())
        or form.stickers
        or form.poll
        or (form.reference is not None and form.reference["type"] == 1)
    )
