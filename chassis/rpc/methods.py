"""What the contracts say of each method: its full name, and whether it may be tried again."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import MethodOptions


@dataclass(frozen=True)
class Method:
    """One method of a contract."""

    service: str
    """The contract's full name, `guildhall.llm.v1.GenerationService`."""
    name: str
    """The method's own name, `Generate`."""
    idempotent: bool
    """Whether `idempotency_level` in the contract says that a repeat does no harm: then failed calls are retried."""

    @property
    def path(self) -> str:
        """As gRPC names it on the wire."""
        return f"/{self.service}/{self.name}"


@cache
def methods_of(service: str) -> dict[str, Method]:
    """The methods of a contract by name. KeyError where no such contract was imported."""
    descriptor = descriptor_pool.Default().FindServiceByName(service)
    return {
        method.name: Method(
            service, method.name, method.GetOptions().idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN
        )
        for method in descriptor.methods
    }


@cache
def method_at(path: str) -> Method:
    """The method with a path such as `/guildhall.llm.v1.GenerationService/Generate`."""
    service, _, name = path.removeprefix("/").partition("/")
    return methods_of(service)[name]


def idempotent_methods(audience: str) -> Iterator[Method]:
    """The methods that a service of this name may be asked again: its own contracts' and those that all serve."""
    for package in (audience, "settings", "admin", "person"):
        for contract in _contracts(f"guildhall.{package}.v1"):
            yield from (method for method in methods_of(contract).values() if method.idempotent)


def _contracts(package: str) -> Iterator[str]:
    try:
        folder = importlib.import_module(package).__path__
    except ModuleNotFoundError:
        return
    for module in pkgutil.iter_modules(folder):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"{package}.{module.name}").DESCRIPTOR
            yield from (service.full_name for service in file.services_by_name.values())
