"""`/recommend`: music for a mood, an artist or a genre, with what one thinks of it, and one's liked titles."""

from typing import Any

from guildhall.llm.v1 import recommendation_pb2, recommendation_pb2_grpc

from services.gateway import asking
from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.registry import Registry
from views import components
from views.custom_id import CustomIdTooLong, encode
from views.lists import within
from views.markdown import escaped, shortened
from views.messages import message

FEEDBACK = "music.feedback"
FEATURE = "recommend"
_BASES = {
    "mood": recommendation_pb2.RECOMMEND_BASIS_MOOD,
    "artist": recommendation_pb2.RECOMMEND_BASIS_ARTIST,
    "genre": recommendation_pb2.RECOMMEND_BASIS_GENRE,
    "title": recommendation_pb2.RECOMMEND_BASIS_TITLE,
}
_KINDS = {
    "like": recommendation_pb2.FEEDBACK_KIND_LIKE,
    "dislike": recommendation_pb2.FEEDBACK_KIND_DISLIKE,
    "more": recommendation_pb2.FEEDBACK_KIND_MORE_LIKE_THIS,
}
_LISTED = 5
_LIKED = 50


async def mood(context: Context) -> None:
    """Music for a mood."""
    await _recommend(context, "mood", str(context.options.get("words", "")))


async def artist(context: Context) -> None:
    """Music like an artist's."""
    await _recommend(context, "artist", str(context.options.get("words", "")))


async def genre(context: Context) -> None:
    """Music of a genre."""
    await _recommend(context, "genre", str(context.options.get("words", "")))


async def liked(context: Context) -> None:
    """Shows what the person liked."""
    answer = await called(
        _music(context).ListFeedback(recommendation_pb2.ListFeedbackRequest(limit=_LIKED), timeout=context.timeout)
    )
    rows = [
        f"{escaped(row.title)} · {escaped(row.artist)}"
        for row in answer.feedback
        if row.kind == recommendation_pb2.FEEDBACK_KIND_LIKE
    ]
    await context.respond(
        message(within([context.text("recommend.liked"), *(rows or [context.text("recommend.liked_none")])]))
    )


async def feedback(context: Context) -> None:
    """Remembers what the person thinks of a title, or recommends more like it."""
    kind, title, who = (context.custom_id.argument(index) for index in range(3))
    request = recommendation_pb2.RecordFeedbackRequest(
        title=title, artist=who, kind=_KINDS.get(kind, recommendation_pb2.FEEDBACK_KIND_NONE)
    )
    await called(_music(context).RecordFeedback(request, timeout=context.timeout))
    if kind == "more":
        await _recommend(context, "title", f"{title} – {who}")
    else:
        await context.respond(context.text(f"recommend.noted.{kind}", title=escaped(title)))


async def _recommend(context: Context, basis: str, words: str) -> None:
    query = cleaned(words)
    if not query:
        await context.respond(context.text("error.empty_prompt"))
        return
    if not await asking.charge(context):
        return
    await context.defer(private=True)
    request = recommendation_pb2.RecommendRequest(
        query=query, basis=_BASES[basis], count=_LISTED, guild_id=context.interaction.guild_id
    )
    answer = await called(_music(context).Recommend(request, timeout=context.settings.current.deadlines.slow))
    rows = [context.text("recommend.title", query=escaped(shortened(query, 100)))]
    if answer.source in (
        recommendation_pb2.RECOMMEND_SOURCE_STALE,
        recommendation_pb2.RECOMMEND_SOURCE_KEYWORDS,
    ):
        rows.append(context.text("recommend.stale"))
    rows += [_line(context, number, each) for number, each in enumerate(answer.recommendations, 1)]
    buttons = [_buttons(context, number, each) for number, each in enumerate(answer.recommendations[:_LISTED], 1)]
    await context.respond(message(within(rows), components=[made for made in buttons if made is not None]))


def _line(context: Context, number: int, each: recommendation_pb2.Recommendation) -> str:
    links = " ".join(f"[{link.service}](<{link.url}>)" for link in each.links[:2])
    unverified = "" if each.verified else f" {context.text('recommend.unverified')}"
    return (
        f"{number}. **{escaped(each.title)}** · {escaped(each.artist)}{unverified} {links}\n-# {escaped(each.reason)}"
    )


def _buttons(context: Context, number: int, each: recommendation_pb2.Recommendation) -> dict[str, Any] | None:
    """The buttons of one title; none where its name does not fit into them."""
    try:
        return components.row(
            *(
                components.button(
                    encode(FEEDBACK, kind, each.title, each.artist),
                    context.text(f"recommend.button.{kind}", number=number),
                )
                for kind in _KINDS
            )
        )
    except CustomIdTooLong:
        return None


def _music(context: Context) -> Any:
    return context.services.stub(recommendation_pb2_grpc.RecommendationServiceStub, "llm")


def register(registry: Registry) -> None:
    """Adds the commands."""
    words = Option("words", required=True, maximum=300)
    registry.command(
        Command(
            "recommend",
            subcommands=(
                Command("mood", mood, options=(words,)),
                Command("artist", artist, options=(words,)),
                Command("genre", genre, options=(words,)),
                Command("liked", liked),
            ),
            feature=FEATURE,
        )
    )
    registry.component(FEEDBACK, feedback, FEATURE)
