"""What a message may carry so that the board can keep it: numbers of 63 bits, and moments of the calendar.

The contract's numbers have 64 bits and its moments any second, neither of which a database takes. Every message is
looked through at the door, so that no method has to.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidArgument

ServicerT = TypeVar("ServicerT")
_BEYOND: Final = 1 << 63
_WHOLE: Final = frozenset({FieldDescriptor.CPPTYPE_UINT64, FieldDescriptor.CPPTYPE_INT64})


def check(message: Message) -> None:
    """InvalidArgument (REQUEST_INVALID), with a word for each field that could not be kept."""
    fields = dict(_problems(message, ""))
    if fields:
        raise InvalidArgument("this cannot be kept", reason="REQUEST_INVALID", fields=fields)


def checked(servicer: type[ServicerT]) -> type[ServicerT]:
    """A class decorator for servicers: every unary method of the contract is given messages that can be kept."""
    for name, method in vars(servicer).copy().items():
        if name[0].isupper() and inspect.iscoroutinefunction(method):
            setattr(servicer, name, _after_check(method))
    return servicer


def _after_check(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def run(self: object, request: Any, context: Any) -> Any:
        if isinstance(request, Message):
            check(request)
        return await method(self, request, context)

    return run


def _problems(message: Message, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(message, Timestamp):
        try:
            message.ToDatetime()
        except (ValueError, OverflowError):
            yield path, "no moment of the years 1 to 9999"
        return
    for field, value in message.ListFields():
        name = f"{path}.{field.name}" if path else field.name
        kind = field.message_type
        if kind is not None:
            if kind.GetOptions().map_entry:
                continue
            several = value if field.is_repeated else (value,)
            for one in several:
                yield from _problems(one, name)
        elif field.cpp_type in _WHOLE:
            several = value if field.is_repeated else (value,)
            if any(not -_BEYOND <= number < _BEYOND for number in several):
                yield name, "at most 63 bits"
