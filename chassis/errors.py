"""What can go wrong, as one hierarchy; and the one table that maps it to gRPC and back (AIP-193).

A servicer, or anything below it, raises one of these; the server interceptor turns it into a rich status with
ErrorInfo (the UPPER_SNAKE reason and metadata), RetryInfo where waiting helps, and BadRequest for fields. A client
gets the same class back. The message is meant for developers and operators; people are told by reason.
"""

from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "guildhall"


class GuildhallError(Exception):
    """Any failure with a name.

    `reason` is UPPER_SNAKE and stable: programs decide by it. `retry_after` is in seconds, where waiting helps.
    `fields` says for each field of the request what is wrong with it. `metadata` carries what a text for people needs.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        retry_after: float | None = None,
        fields: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.retry_after = retry_after
        self.fields = dict(fields or {})
        self.metadata = dict(metadata or {})


class InvalidArgument(GuildhallError):
    """The request itself is wrong, whatever the state of the system."""


class NotFound(GuildhallError):
    """What was named does not exist."""


class AlreadyExists(GuildhallError):
    """What should be made exists already."""


class PermissionDenied(GuildhallError):
    """The caller is known and may not do this."""


class Unauthenticated(GuildhallError):
    """Nobody vouches for the caller."""


class FailedPrecondition(GuildhallError):
    """The system is in a state in which this can't be done; trying again alone won't help."""


class Aborted(GuildhallError):
    """Somebody else changed it meanwhile; read again and try again."""


class ResourceExhausted(GuildhallError):
    """A capacity is used up."""


class Unavailable(GuildhallError):
    """Something needed is away for now; the same call may succeed later."""


class DeadlineExceeded(GuildhallError):
    """There was not enough time."""


class Cancelled(GuildhallError):
    """The caller gave up."""


class Internal(GuildhallError):
    """A defect. The text stays in the log; the caller gets none of it."""


_CODES: dict[type[GuildhallError], grpc.StatusCode] = {
    InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    Aborted: grpc.StatusCode.ABORTED,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Cancelled: grpc.StatusCode.CANCELLED,
    Internal: grpc.StatusCode.INTERNAL,
}
# Codes that gRPC itself produces and that we never raise fall to the nearest meaning.
_CLASSES: dict[grpc.StatusCode, type[GuildhallError]] = {code: kind for kind, code in _CODES.items()} | {
    grpc.StatusCode.OUT_OF_RANGE: InvalidArgument,
    grpc.StatusCode.UNIMPLEMENTED: FailedPrecondition,
    grpc.StatusCode.DATA_LOSS: Internal,
    grpc.StatusCode.UNKNOWN: Internal,
}


def status_code(error: GuildhallError) -> grpc.StatusCode:
    """The gRPC code of an error; that of its nearest base class for a class of a service's own."""
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    return grpc.StatusCode.INTERNAL


def to_status(error: GuildhallError) -> status_pb2.Status:
    """The rich status that carries an error over the wire."""
    code = status_code(error)
    number, name = _code_number(code), code.name
    # An INTERNAL's text may hold anything, so only its reason leaves the process.
    message = "internal error" if code is grpc.StatusCode.INTERNAL else error.message
    status = status_pb2.Status(code=number, message=message)
    _pack(
        status,
        error_details_pb2.ErrorInfo(reason=error.reason or name, domain=DOMAIN, metadata=dict(error.metadata)),
    )
    if error.retry_after is not None:
        delay = Duration()
        delay.FromNanoseconds(round(error.retry_after * 1e9))
        _pack(status, error_details_pb2.RetryInfo(retry_delay=delay))
    if error.fields:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=field, description=text)
            for field, text in error.fields.items()
        ]
        _pack(status, error_details_pb2.BadRequest(field_violations=violations))
    return status


def from_rpc_error(error: grpc.aio.AioRpcError) -> GuildhallError:
    """The error that a call failed with, as it was raised on the other side.

    Without details (the connection broke, the deadline passed) the reason is the code's own name.
    """
    kind = _CLASSES.get(error.code(), Internal)
    reason, retry_after = error.code().name, None
    fields: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for detail in _details(error):
        if isinstance(detail, error_details_pb2.ErrorInfo):
            reason, metadata = detail.reason, dict(detail.metadata)
        elif isinstance(detail, error_details_pb2.RetryInfo):
            retry_after = detail.retry_delay.ToNanoseconds() / 1e9
        elif isinstance(detail, error_details_pb2.BadRequest):
            fields = {violation.field: violation.description for violation in detail.field_violations}
    return kind(error.details() or reason, reason=reason, retry_after=retry_after, fields=fields, metadata=metadata)


_DETAIL_TYPES = (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, error_details_pb2.BadRequest)


def _details(error: grpc.aio.AioRpcError) -> list[Any]:
    try:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
    except ValueError:
        # Code or message of the details differ from the call's own: not ours, so not to be trusted.
        return []
    packed = status.details if status is not None else ()
    return [kind.FromString(one.value) for one in packed for kind in _DETAIL_TYPES if one.Is(kind.DESCRIPTOR)]


def _pack(status: status_pb2.Status, detail: Any) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def _code_number(code: grpc.StatusCode) -> int:
    number: int = code.value[0]
    return number
