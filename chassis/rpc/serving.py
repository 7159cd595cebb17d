"""What surrounds each RPC on the server: span, error table, caller, deadline, in that order from the outside.

Handlers are wrapped once, when a servicer is added, as coroutines that write their responses themselves: a stream's
generator is thereby closed in the task and context that ran it, whatever ends the call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias, cast

import grpc
import structlog
from grpc_status import rpc_status

from chassis import caller as callers_
from chassis.caller import Caller
from chassis.caller_signing import METADATA_KEY, Verifier
from chassis.deadline import keep_deadline
from chassis.errors import (
    Cancelled,
    DeadlineExceeded,
    GuildhallError,
    Internal,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
    from_rpc_error,
    status_code,
    to_status,
)
from chassis.redis_outage import is_outage
from chassis.rpc.methods import Method, methods_of
from chassis.rpc.watches import Watches
from chassis.telemetry.call_statistics import CallStatistics
from chassis.telemetry.names import Attribute
from chassis.telemetry.rpc import SERVER_FAULTS, ServerCall

# A method that names this instead of services may be called without a Caller; only for contracts of others.
ANYONE = "*"
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]
# Asking how a process is does not say how it is.
_ABOUT_THE_PROCESS = "guildhall.admin."
# What streams under such a name tells what happens until it ends, and whoever listens begins anew then.
_WATCH = "Watch"
_log = structlog.stdlib.get_logger(__name__)
_PASSED_ON = (Unavailable, DeadlineExceeded, ResourceExhausted, Cancelled)


class Registrar:
    """Adds servicers to a server, each handler wrapped. Stands in for the server in generated code."""

    def __init__(self, server: grpc.aio.Server, verifier: Verifier) -> None:
        self._server = server
        self._verifier = verifier
        self._callers: Mapping[str, Collection[str]] | None = None
        self._calls: CallStatistics | None = None
        self.services: list[str] = []
        self.watches = Watches()

    def add(
        self,
        add_to_server: Callable[[Any, Any], None],
        servicer: object,
        callers: Mapping[str, Collection[str]] | None,
        calls: CallStatistics | None = None,
    ) -> None:
        """Adds a servicer. `callers` names for each method the services that may call it, None lets every service;
        ValueError for a method that the contract does not have. Its calls are counted in `calls`."""
        self._callers = callers
        self._calls = calls
        add_to_server(servicer, self)

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Generated code registers each servicer in two ways; the other one says more."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        """What generated code calls with the handlers of one contract."""
        unknown = set(self._callers or ()) - set(handlers)
        if unknown:
            raise ValueError(f"{service} has no method {', '.join(sorted(unknown))}")
        methods = methods_of(service)
        calls = None if service.startswith(_ABOUT_THE_PROCESS) else self._calls
        wrapped = {
            name: _wrap(
                _Scope(
                    methods[name],
                    self._allowed(name),
                    self._verifier,
                    calls=calls,
                    timed=not (handler.request_streaming or handler.response_streaming),
                ),
                handler,
                self.watches if name.startswith(_WATCH) and handler.response_streaming else None,
            )
            for name, handler in handlers.items()
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, wrapped),))
        self.services.append(service)

    def _allowed(self, method: str) -> frozenset[str] | None:
        return None if self._callers is None else frozenset(self._callers.get(method, ()))


class _Scope:
    """What one method's calls run in."""

    def __init__(
        self,
        method: Method,
        callers: frozenset[str] | None,
        verifier: Verifier,
        *,
        calls: CallStatistics | None,
        timed: bool,
    ) -> None:
        self._path, self._once = method.path, not method.idempotent
        self._callers = callers
        self._anyone = callers is not None and ANYONE in callers
        self._verifier = verifier
        self._calls = calls
        self._timed = timed

    async def run(self, respond: Callable[[Any, _Context], Awaitable[Any]], request: Any, context: _Context) -> Any:
        """Serves one call, and gives what `respond` does. Each call is a task of its own, so what is current in it
        (caller, deadline) ends with it."""
        metadata = cast("_Metadata", context.invocation_metadata() or ())
        call = ServerCall(self._path, metadata)
        response, code = None, grpc.StatusCode.UNKNOWN
        try:
            callers_.serve(self._caller(metadata, call))
            keep_deadline(context.time_remaining())
            response = await respond(request, context)
            code = _code_set(context)
        except asyncio.CancelledError:
            code = _why_cancelled(context)
            raise
        except grpc.aio.AbortError:
            code = _code_set(context)
            raise
        except NotImplementedError:
            code = grpc.StatusCode.UNIMPLEMENTED
            await context.abort(code, f"{self._path} is not implemented")
        except Exception as raised:  # noqa: BLE001  (this is the boundary: nothing may pass it unmapped)
            error = as_error(raised)
            code = status_code(error)
            call.span.set_attribute(Attribute.REASON, error.reason)
            self._note(error, raised, code)
            await context.abort_with_status(rpc_status.to_status(to_status(error)))
        finally:
            seconds = call.finish(code)
            if self._calls is not None:
                self._calls.note(seconds if self._timed else None, failed=code in SERVER_FAULTS)
        return response

    def _caller(self, metadata: _Metadata, call: ServerCall) -> Caller:
        if self._anyone:
            return Caller(ANYONE)
        signed: str | bytes | None = None
        for key, value in metadata:
            if key == METADATA_KEY:
                signed = value
                break
        caller = self._verifier.verify(signed if isinstance(signed, bytes) else None, self._path, once=self._once)
        call.span.set_attribute(Attribute.CALLER, caller.service)
        if self._callers is not None and caller.service not in self._callers:
            raise PermissionDenied(f"{caller.service} may not call {self._path}", reason="CALLER_NOT_ALLOWED")
        return caller

    def _note(self, error: GuildhallError, raised: Exception, code: grpc.StatusCode) -> None:
        if code is grpc.StatusCode.INTERNAL:
            _log.error("rpc failed", method=self._path, reason=error.reason, exc_info=raised)
        elif code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            _log.warning("rpc refused", method=self._path, reason=error.reason, security=True)
        else:
            _log.debug("rpc answered with an error", method=self._path, code=code.name, reason=error.reason)


def as_error(raised: Exception) -> GuildhallError:
    """What an exception means to the caller of an RPC. Whatever has no meaning there is a defect."""
    if isinstance(raised, GuildhallError):
        return raised
    if is_outage(raised):
        return Unavailable("the store is away", reason="STORE_UNAVAILABLE", retry_after=1.0)
    if isinstance(raised, grpc.aio.AioRpcError):
        error = from_rpc_error(raised)
        # What another service finds wrong with our request is our defect, not our caller's.
        return error if isinstance(error, _PASSED_ON) else Internal("a call failed", reason="DEPENDENCY_FAILED")
    if isinstance(raised, TimeoutError):
        return DeadlineExceeded("there was not enough time", reason="DEADLINE_EXCEEDED")
    return Internal("unexpected error", reason="INTERNAL")


def _wrap(
    scope: _Scope, handler: "grpc.RpcMethodHandler[Any, Any]", watches: Watches | None
) -> "grpc.RpcMethodHandler[Any, Any]":
    behaviours: tuple[Any, ...] = (
        handler.unary_unary,
        handler.unary_stream,
        handler.stream_unary,
        handler.stream_stream,
    )
    behaviour = next(one for one in behaviours if one is not None)

    async def one_response(request: Any, context: _Context) -> Any:
        return await scope.run(behaviour, request, context)

    async def write_responses(request: Any, context: _Context) -> None:
        responses = behaviour(request, context)
        if not hasattr(responses, "__aiter__"):
            await responses
            return
        async with aclosing(responses):
            async for response in responses:
                await context.write(response)

    async def watch(request: Any, context: _Context) -> None:
        assert watches is not None
        await watches.run(write_responses(request, context))

    async def many_responses(request: Any, context: _Context) -> None:
        await scope.run(watch if watches is not None else write_responses, request, context)

    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    make: Any = kinds[bool(handler.request_streaming), bool(handler.response_streaming)]
    wrapped: grpc.RpcMethodHandler[Any, Any] = make(
        many_responses if handler.response_streaming else one_response,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return wrapped


def _code_set(context: grpc.aio.ServicerContext[Any, Any]) -> grpc.StatusCode:
    """The status that a servicer set; gRPC keeps it as a number or as nothing."""
    code: grpc.StatusCode | int | None = cast("Any", context).code()
    if not code:
        return grpc.StatusCode.OK
    return code if isinstance(code, grpc.StatusCode) else _BY_NUMBER[code]


_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


def _why_cancelled(context: grpc.aio.ServicerContext[Any, Any]) -> grpc.StatusCode:
    left = cast("float | None", context.time_remaining())
    return grpc.StatusCode.CANCELLED if left is None or left > 0 else grpc.StatusCode.DEADLINE_EXCEEDED
