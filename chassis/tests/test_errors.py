import grpc
import pytest

from chassis import errors
from chassis.errors import GuildhallError, from_rpc_error
from chassis.testing import channel_to, serve_in_process
from chassis.tests.echo import Echo, EchoStub, add_to_server, text

KINDS = [
    errors.InvalidArgument, errors.NotFound, errors.AlreadyExists, errors.PermissionDenied, errors.Unauthenticated,
    errors.FailedPrecondition, errors.Aborted, errors.ResourceExhausted, errors.Unavailable, errors.DeadlineExceeded,
    errors.Cancelled,
]  # fmt: skip


async def raised_and_received(error: Exception) -> tuple[grpc.aio.AioRpcError, GuildhallError]:
    """What a client gets when a servicer raises."""

    async def behaviour(request: object, context: object) -> None:
        raise error

    async with serve_in_process((add_to_server, Echo(Unary=behaviour))) as address, channel_to(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await EchoStub(channel).Unary(text(), timeout=5)
        return caught.value, from_rpc_error(caught.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_each_error_arrives_as_it_was_raised(kind: type[GuildhallError]) -> None:
    sent = kind(
        "what went wrong",
        reason="SOME_REASON",
        retry_after=1.25,
        fields={"prompt": "too long"},
        metadata={"limit": "5"},
    )
    wire, received = await raised_and_received(sent)
    assert type(received) is kind
    assert wire.details() == "what went wrong"
    assert (received.reason, received.retry_after) == ("SOME_REASON", 1.25)
    assert (received.fields, received.metadata) == ({"prompt": "too long"}, {"limit": "5"})


async def test_a_class_of_a_services_own_arrives_as_its_base() -> None:
    class TooGreen(errors.FailedPrecondition):
        """A service's own."""

    _, received = await raised_and_received(TooGreen("not ripe", reason="TOO_GREEN"))
    assert type(received) is errors.FailedPrecondition
    assert received.reason == "TOO_GREEN"


@pytest.mark.parametrize(
    "defect", [ValueError("the key is sk-12345"), KeyError("secret"), errors.Internal("secret", reason="BROKEN")]
)
async def test_a_defect_tells_the_client_nothing(defect: Exception) -> None:
    wire, received = await raised_and_received(defect)
    assert type(received) is errors.Internal
    assert "secret" not in str(wire)
    assert "sk-" not in str(wire)
    assert "Traceback" not in str(wire)


async def test_a_method_that_is_not_there_is_unimplemented() -> None:
    wire, received = await raised_and_received(NotImplementedError("no"))
    assert wire.code() is grpc.StatusCode.UNIMPLEMENTED
    assert type(received) is errors.FailedPrecondition


async def test_without_details_the_reason_is_the_code() -> None:
    async with channel_to("127.0.0.1:1") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await EchoStub(channel).Unary(text(), timeout=5)
    error = from_rpc_error(caught.value)
    assert type(error) is errors.Unavailable
    assert error.reason == "UNAVAILABLE"
