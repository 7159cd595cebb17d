"""The image job: a picture made by llm, shown once, in the interaction's response or as a reply to the message."""

from __future__ import annotations

import structlog
from pydantic import BaseModel, ConfigDict

from chassis.caller import acting_for
from chassis.clock import Clock
from chassis.errors import GuildhallError, Unavailable
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.bodies import File
from services.executor.discord.errors import Refused
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies import notices
from services.executor.replies.acknowledged import edit_acknowledged
from services.executor.replies.pictures import PictureDenied, Pictures
from services.executor.replies.question import Asker, Interaction
from services.executor.replies.sending import Body, JobMessages
from services.executor.replies.settings import ReplySettings
from views.markdown import escaped, shortened
from views.messages import message

_log = structlog.get_logger(__name__)

KIND = "image"


class ImageOrder(BaseModel):
    """The payload."""

    model_config = ConfigDict(frozen=True)

    event_id: int
    interaction: Interaction | None = None
    guild_id: int = 0
    channel_id: int
    prompt: str
    size: str = ""
    asker: Asker


class ImageJobs:
    """Runs image jobs. Is a `JobKind`."""

    name = KIND

    def __init__(
        self,
        *,
        api: DiscordApi,
        messages: JobMessages,
        pictures: Pictures,
        settings: ReplySettings,
        clock: Clock,
    ) -> None:
        self._api = api
        self._messages = messages
        self._pictures = pictures
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Makes and shows one picture. A repeat asks under the same id, so it is not counted twice."""
        order = ImageOrder.model_validate_json(job.payload)
        text = notices.in_locale(order.asker.locale)
        try:
            with acting_for(order.asker.person()):
                file = await self._pictures.make(
                    order.prompt, size=order.size, guild_id=order.guild_id, request_id=job.job_id
                )
            said = text("image.made", prompt=escaped(shortened(order.prompt, self._settings.quote_chars)))
            body, files = message(said), [file]
        except PictureDenied as denied:
            body, files = message(notices.for_denial(text, denied.denied, self._clock.now())), []
        except Unavailable as error:
            if error.reason not in ("PROVIDER_UNAVAILABLE", "PROVIDER_RATE_LIMITED", "NO_MODEL"):
                raise
            body, files = message(notices.for_error(text, error, self._clock.now())), []
        except GuildhallError as error:
            body, files = message(notices.for_error(text, error, self._clock.now())), []
        await self._show(job, journal, order, body, files)

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Says that it failed."""
        order = ImageOrder.model_validate_json(job.payload)
        text = notices.in_locale(order.asker.locale)
        await self._show(job, journal, order, message(notices.for_reason(text, "INTERNAL")), [])

    async def _show(self, job: Job, journal: Journal, order: ImageOrder, body: Body, files: list[File]) -> None:
        interaction = order.interaction
        if interaction is not None:
            attachments = [{"id": index, "filename": file.name} for index, file in enumerate(files)]
            try:
                await edit_acknowledged(
                    self._api,
                    self._clock,
                    self._settings,
                    interaction,
                    {**body, "attachments": attachments},
                    since=self._clock.now(),
                    files=files,
                    fence=journal.fence,
                )
            except Refused as refusal:
                if not refusal.response_missing or interaction.ephemeral or interaction.token_only:
                    _log.info("image.not_shown", job_id=job.job_id, why=str(refusal))
                    return
            else:
                return
        if interaction is None:
            body = {**body, "message_reference": {"message_id": str(order.event_id), "fail_if_not_exists": False}}
        try:
            scope = Scope(journal.fence, order.guild_id)
            await self._messages.send(
                job, journal, scope, order.channel_id, body, mark="i", priority=Priority.FINAL, files=files
            )
        except Refused as refusal:
            _log.info("image.not_shown", job_id=job.job_id, why=str(refusal))
