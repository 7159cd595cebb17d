"""`/manage` and `/runs`, and the buttons under plans.

`!neon <what>` ends in a button too (see `image`), as a message says nothing of permissions.

executor makes, shows and runs plans; here wishes are handed over and acknowledged. Who may do what is executor's to
decide, by the Caller: a button proves nothing.
"""

from guildhall.executor.v1 import plan_pb2, reply_pb2

from services.gateway.callbacks import File
from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.planning import FEATURE, GRANTED, origin, plans, refuse
from services.gateway.registry import Registry
from views import modals
from views.custom_id import encode
from views.messages import message
from views.plans.progress import runs as runs_card

REQUEST_LIMIT = 4_000
_FORMATS = {"csv": plan_pb2.AUDIT_FORMAT_CSV, "json": plan_pb2.AUDIT_FORMAT_JSON}


async def manage(context: Context) -> None:
    """Takes a request over; its plan appears in place of the answer."""
    options, interaction = context.options, context.interaction
    context.expect(private=False)
    request = plan_pb2.CreatePlanRequest(
        event_id=interaction.interaction_id,
        interaction=origin(context),
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        request=cleaned(str(options.get("request", ""))),
        dry_run=bool(options.get("dry_run", False)),
    )
    picture = context.attached("picture")
    if picture is not None:
        request.attachment.CopyFrom(
            reply_pb2.Attachment(
                attachment_id=picture.attachment_id,
                filename=picture.filename,
                content_type=picture.content_type,
                size=picture.size,
                url=picture.url,
            )
        )
    await called(plans(context).CreatePlan(request, timeout=context.settings.current.deadlines.hand_over))
    await context.defer(private=False)


async def runs(context: Context) -> None:
    """Lists past plans, or gives the audit trail of them all as a file."""
    wanted = str(context.options.get("export", ""))
    if wanted:
        await _export(context, wanted)
        return
    request = plan_pb2.ListPlansRequest(guild_id=context.interaction.guild_id, page_size=25)
    answer = await called(plans(context).ListPlans(request, timeout=context.timeout))
    await context.respond(runs_card(list(answer.plans), context.text))


async def confirm(context: Context) -> None:
    """Confirms what was shown, or approves it."""
    request = plan_pb2.ConfirmPlanRequest(plan_id=_plan_id(context), hash=context.custom_id.argument(1))
    answer = await called(plans(context).ConfirmPlan(request, timeout=context.timeout))
    if answer.refusal == plan_pb2.PLAN_REFUSAL_NEEDS_APPROVAL:
        await context.respond(context.text("plan.refusal.needs_approval"))
        return
    await _done(context, answer.refusal)


async def cancel(context: Context) -> None:
    """Cancels a plan, or ends its run."""
    request = plan_pb2.CancelPlanRequest(plan_id=_plan_id(context))
    await _done(context, (await called(plans(context).CancelPlan(request, timeout=context.timeout))).refusal)


async def pause(context: Context) -> None:
    """Halts a run."""
    request = plan_pb2.PausePlanRequest(plan_id=_plan_id(context))
    await _done(context, (await called(plans(context).PausePlan(request, timeout=context.timeout))).refusal)


async def resume(context: Context) -> None:
    """Lets a run go on."""
    request = plan_pb2.ResumePlanRequest(plan_id=_plan_id(context))
    await _done(context, (await called(plans(context).ResumePlan(request, timeout=context.timeout))).refusal)


async def dry_run(context: Context) -> None:
    """Switches between trying and doing."""
    plan = await _plan(context)
    await _edit(context, plan_pb2.EditPlanRequest(plan_id=plan.plan_id, dry_run=not plan.dry_run))


async def pace(context: Context) -> None:
    """Switches between fast and polite."""
    plan = await _plan(context)
    await _edit(context, plan_pb2.EditPlanRequest(plan_id=plan.plan_id, polite=not plan.polite))


async def page(context: Context) -> None:
    """Turns the preview's pages."""
    number = context.custom_id.argument(1)
    wanted = int(number) if number.isdecimal() else 0
    await _edit(context, plan_pb2.EditPlanRequest(plan_id=_plan_id(context), page=wanted))


async def split(context: Context) -> None:
    """Leaves what is beyond Discord's quotas for later."""
    await _edit(context, plan_pb2.EditPlanRequest(plan_id=_plan_id(context), split=True))


async def answer(context: Context) -> None:
    """Chooses what a name means."""
    request = plan_pb2.AnswerPlanRequest(
        plan_id=_plan_id(context), key=context.custom_id.argument(1), candidate_id=(context.selected or ("",))[0]
    )
    await _done(context, (await called(plans(context).AnswerPlan(request, timeout=context.timeout))).refusal)


async def edit(context: Context) -> None:
    """Opens the form in which steps are left out and names changed."""
    fields = [
        modals.text_input("drop", context.text("plan.edit.drop"), required=False, maximum=400, placeholder="3, 7-9"),
        modals.text_input("names", context.text("plan.edit.names"), required=False, long=True, placeholder="1=lounge"),
        modals.text_input("words", context.text("plan.edit.words"), required=False, long=True, maximum=2_000),
    ]
    await context.modal(modals.modal(encode("plan.edited", _plan_id(context)), context.text("plan.edit.title"), fields))


async def edited(context: Context) -> None:
    """Takes what was entered."""
    fields = context.fields
    drop, names = steps_of(str(fields.get("drop", ""))), names_of(str(fields.get("names", "")))
    words = cleaned(str(fields.get("words", "")))
    if drop is None or names is None:
        await context.respond(context.text("plan.steps_unknown"))
    elif drop or names:
        await _edit(context, plan_pb2.EditPlanRequest(plan_id=_plan_id(context), drop_step_ids=drop, names=names))
    elif words:
        await _refine(context, words)
    else:
        await context.respond(context.text("plan.nothing_entered"))


async def refine(context: Context) -> None:
    """Opens the form for further words."""
    field = modals.text_input("words", context.text("plan.refine.words"), long=True, maximum=2_000)
    await context.modal(
        modals.modal(encode("plan.refined", _plan_id(context)), context.text("plan.refine.title"), [field])
    )


async def refined(context: Context) -> None:
    """Takes further words."""
    await _refine(context, cleaned(str(context.fields.get("words", ""))))


async def undo(context: Context) -> None:
    """Makes the inverse plan of the run that carries the button."""
    await _undo(context, _plan_id(context))


async def undo_chosen(context: Context) -> None:
    """Makes the inverse plan of the run that was chosen from the list."""
    await _undo(context, (context.selected or ("",))[0])


def steps_of(text: str) -> list[str] | None:
    """The steps that `3, 7-9` names; None where it names none."""
    found: list[str] = []
    for piece in text.replace(";", ",").replace(" ", ",").split(","):
        if not piece:
            continue
        first, _, last = piece.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()) or int(last or first) - int(first) > 2_000:
            return None
        found += [str(number) for number in range(int(first), int(last or first) + 1)]
    return found


def names_of(text: str) -> dict[str, str] | None:
    """The names that lines of `number=name` give; None where a line does not."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        number, sign, name = line.partition("=")
        if not sign or not number.strip().isdecimal() or not name.strip():
            return None
        found[number.strip()] = cleaned(name)
    return found


async def _export(context: Context, wanted: str) -> None:
    request = plan_pb2.ExportAuditTrailRequest(guild_id=context.interaction.guild_id, format=_FORMATS[wanted])
    found = await called(plans(context).ExportAuditTrail(request, timeout=context.timeout))
    body = message(context.text("plan.runs.exported", rows=found.entries))
    await context.respond(body, files=[File(f"plans.{wanted}", found.content)])


async def _undo(context: Context, plan_id: str) -> None:
    interaction = context.interaction
    context.expect(private=False)
    request = plan_pb2.UndoPlanRequest(
        event_id=interaction.interaction_id,
        plan_id=plan_id,
        interaction=origin(context),
        channel_id=interaction.channel_id,
    )
    response = await called(plans(context).UndoPlan(request, timeout=context.settings.current.deadlines.hand_over))
    if response.refusal != GRANTED:
        await refuse(context, response.refusal)
        return
    await context.defer(private=False)


async def _refine(context: Context, words: str) -> None:
    request = plan_pb2.RefinePlanRequest(plan_id=_plan_id(context), request=words)
    await _done(context, (await called(plans(context).RefinePlan(request, timeout=context.timeout))).refusal)


async def _edit(context: Context, request: plan_pb2.EditPlanRequest) -> None:
    await _done(context, (await called(plans(context).EditPlan(request, timeout=context.timeout))).refusal)


async def _done(context: Context, refusal: plan_pb2.PlanRefusal.ValueType) -> None:
    if refusal == GRANTED:
        await context.defer_update()
    else:
        await refuse(context, refusal)


async def _plan(context: Context) -> plan_pb2.Plan:
    request = plan_pb2.GetPlanRequest(plan_id=_plan_id(context))
    found: plan_pb2.Plan = (await called(plans(context).GetPlan(request, timeout=context.timeout))).plan
    return found


def _plan_id(context: Context) -> str:
    return context.custom_id.argument(0)


def register(registry: Registry) -> None:
    """Adds the commands and what is pressed under plans."""
    registry.command(
        Command(
            "manage",
            manage,
            options=(
                Option("request", required=True, minimum=1, maximum=REQUEST_LIMIT),
                Option("dry_run", OptionKind.BOOLEAN),
                Option("picture", OptionKind.ATTACHMENT),
            ),
            feature=FEATURE,
            guild_only=True,
        )
    )
    registry.command(
        Command("runs", runs, options=(Option("export", choices=tuple(_FORMATS)),), feature=FEATURE, guild_only=True)
    )
    for name, handler in (
        ("confirm", confirm),
        ("cancel", cancel),
        ("pause", pause),
        ("resume", resume),
        ("dry_run", dry_run),
        ("pace", pace),
        ("page", page),
        ("split", split),
        ("answer", answer),
        ("edit", edit),
        ("refine", refine),
        ("undo", undo),
        ("undo_chosen", undo_chosen),
    ):
        registry.component(f"plan.{name}", handler, FEATURE)
    registry.modal("plan.edited", edited, FEATURE)
    registry.modal("plan.refined", refined, FEATURE)
