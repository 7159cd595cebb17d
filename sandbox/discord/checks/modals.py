"""Modals: https://discord.com/developers/docs/components/reference#label and the components it may hold."""

from collections.abc import Callable
from typing import Final

from sandbox.discord.checks import components as c
from sandbox.discord.checks.fields import Fields
from sandbox.discord.entities import JSON
from sandbox.discord.limits import SIZES

_IN_LABEL: Final = c.SELECTS | {c.TEXT_INPUT, c.FILE_UPLOAD, c.RADIO_GROUP, c.CHECKBOX_GROUP, c.CHECKBOX}


def read_modal(fields: Fields) -> JSON:
    """A modal as its reader gets it: custom_id, title, components."""
    reading = c.Reading()
    stored: JSON = {
        "custom_id": fields.text("custom_id", low=1, high=SIZES.custom_id, required=True),
        "title": fields.text("title", low=1, high=SIZES.modal_title, required=True),
        "components": [],
    }
    children = fields.children("components", low=1, high=SIZES.components_v2, required=True)
    rows = sum(child.body.get("type") == c.ACTION_ROW for child in children)
    labels = sum(child.body.get("type") == c.LABEL for child in children)
    if rows and labels:
        fields.fail("components", "COMPONENT_TYPE_INVALID", "Action rows and labels cannot be mixed in a modal")
    if rows + labels > SIZES.modal_components_v1:
        fields.length("components", 1, SIZES.modal_components_v1)
    for child in children:
        kind = child.choice("type", (c.ACTION_ROW, c.TEXT_DISPLAY, c.LABEL), required=True)
        if kind is None:
            continue
        item: JSON = {"type": kind, "id": c.identify(child, reading)}
        if kind == c.ACTION_ROW:
            inputs = child.children("components", low=1, high=1, required=True)
            item["components"] = [_input(field, frozenset({c.TEXT_INPUT}), reading, legacy=True) for field in inputs]
        elif kind == c.TEXT_DISPLAY:
            item["content"] = child.text("content", low=1, high=SIZES.components_v2_text, required=True)
        else:
            item["label"] = child.text("label", low=1, high=SIZES.modal_label, required=True)
            description = child.text("description", high=SIZES.modal_label_description)
            if description:
                item["description"] = description
            inner = child.child("component")
            if inner is None:
                child.fail("component", "BASE_TYPE_REQUIRED", "This field is required")
            else:
                item["component"] = _input(inner, _IN_LABEL, reading, legacy=False)
        stored["components"].append(item)
    return stored


def _input(fields: Fields, allowed: frozenset[int], reading: c.Reading, *, legacy: bool) -> JSON:
    kind = fields.choice("type", allowed, required=True)
    if kind is None:
        return {"type": 0}
    stored: JSON = {"type": kind, "id": c.identify(fields, reading)}
    if kind == c.TEXT_INPUT:
        stored.update(_text_input(fields, reading, legacy=legacy))
    else:
        stored.update(_READERS[kind](fields, reading))
        if kind != c.CHECKBOX:
            stored["required"] = fields.boolean("required", default=True)
    return stored


def _text_input(fields: Fields, reading: c.Reading, *, legacy: bool) -> JSON:
    stored: JSON = {
        "custom_id": c.custom_id(fields, reading),
        "style": fields.choice("style", (1, 2), required=True),
        "required": fields.boolean("required", default=True),
        "min_length": fields.integer("min_length", low=0, high=SIZES.text_input),
        "max_length": fields.integer("max_length", low=1, high=SIZES.text_input),
    }
    if legacy:
        stored["label"] = fields.text("label", low=1, high=SIZES.modal_label, required=True)
    placeholder = fields.text("placeholder", high=SIZES.input_placeholder)
    if placeholder:
        stored["placeholder"] = placeholder
    value = fields.text("value", high=stored["max_length"] or SIZES.text_input)
    if value:
        stored["value"] = value
    low, high = stored["min_length"], stored["max_length"]
    if low is not None and high is not None and low > high:
        fields.fail("min_length", "NUMBER_TYPE_MAX", f"int value should be less than or equal to {high}.")
    return stored


def _group(fields: Fields, reading: c.Reading) -> JSON:
    return {
        "custom_id": c.custom_id(fields, reading),
        "min_values": fields.integer("min_values", low=0, high=SIZES.group_options, default=1),
        "max_values": fields.integer("max_values", low=1, high=SIZES.group_options, default=SIZES.group_options),
        "options": c.read_options(fields, low=1, high=SIZES.group_options),
    }


def _radio(fields: Fields, reading: c.Reading) -> JSON:
    return {
        "custom_id": c.custom_id(fields, reading),
        "options": c.read_options(fields, low=2, high=SIZES.group_options),
    }


def _checkbox(fields: Fields, reading: c.Reading) -> JSON:
    return {"custom_id": c.custom_id(fields, reading), "default": fields.boolean("default", default=False)}


def _upload(fields: Fields, reading: c.Reading) -> JSON:
    return {
        "custom_id": c.custom_id(fields, reading),
        "min_values": fields.integer("min_values", low=0, high=SIZES.attachments, default=1),
        "max_values": fields.integer("max_values", low=1, high=SIZES.attachments, default=1),
    }


_READERS: Final[dict[int, Callable[[Fields, c.Reading], JSON]]] = {
    c.STRING_SELECT: c.string_select,
    c.USER_SELECT: c.entity_select,
    c.ROLE_SELECT: c.entity_select,
    c.MENTIONABLE_SELECT: c.entity_select,
    c.CHANNEL_SELECT: c.entity_select,
    c.FILE_UPLOAD: _upload,
    c.RADIO_GROUP: _radio,
    c.CHECKBOX_GROUP: _group,
    c.CHECKBOX: _checkbox,
}
