"""The names of the models, kept at hand: whether a message addresses one must not cost a call."""

import asyncio

import structlog
from guildhall.llm.v1 import model_pb2, model_pb2_grpc

from chassis.errors import GuildhallError
from services.gateway.handover import called

_log = structlog.get_logger(__name__)
_REFRESH, _RETRY, _DEADLINE = 60.0, 5.0, 5.0


class ModelNames:
    """What llm offers, as it was a minute ago at most."""

    def __init__(self, stub: model_pb2_grpc.ModelServiceStub) -> None:
        self._stub = stub
        self.names: tuple[str, ...] = ()

    async def follow(self) -> None:
        """Keeps the names until cancelled."""
        while True:
            try:
                answer = await called(self._stub.ListModels(model_pb2.ListModelsRequest(), timeout=_DEADLINE))
                self.names = tuple(model.name for model in answer.models)
            except GuildhallError as error:
                _log.info("models not listed", reason=error.reason)
            await asyncio.sleep(_REFRESH if self.names else _RETRY)
