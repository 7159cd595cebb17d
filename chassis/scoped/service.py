"""A service's scoped settings: asks and changes for its own code, and serves them to others."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from guildhall.settings.v1.settings_pb2_grpc import add_SettingsServiceServicer_to_server

from chassis.caller import Caller
from chassis.errors import InvalidArgument
from chassis.runtime import Runtime
from chassis.scoped.declarations import Declarations, Setting, Value
from chassis.scoped.permissions import require_right
from chassis.scoped.places import Place, Scope, ScopeKind
from chassis.scoped.recent import RecentScopes
from chassis.scoped.store import ScopeStore, ScopeValues

CALLERS = ("gateway", "executor")


@dataclass(frozen=True)
class Effective:
    """A value in force, with the scope that it was set at; None where it is the default."""

    value: Value | None
    source: Scope | None


class ScopedSettings:
    """What guilds, channels and people set of one service."""

    def __init__(self, declarations: Iterable[Setting], store: ScopeStore) -> None:
        self.declarations = Declarations(declarations)
        self.store = store
        self._recent: RecentScopes | None = None

    @classmethod
    def serve(
        cls,
        runtime: Runtime[Any],
        declarations: Iterable[Setting],
        *,
        callers: Collection[str] = CALLERS,
        remembered: bool = False,
    ) -> "ScopedSettings":
        """Makes the settings of a service and serves them to the services in `callers`.

        `remembered` is for services that ask with every request: what they asked for lately costs no round trip.
        """
        # The servicer needs this class, so it is imported where the circle closes.
        from chassis.scoped.servicer import METHODS, SettingsServicer

        store = ScopeStore(runtime.redis("durable"), runtime.key_prefix, runtime.clock)
        settings = cls(declarations, store)
        if remembered:
            settings._recent = RecentScopes(store)
            runtime.background("scopes", settings._recent.follow_forever)
        servicer = SettingsServicer(settings)
        runtime.serve(add_SettingsServiceServicer_to_server, servicer, callers=dict.fromkeys(METHODS, callers))
        return settings

    async def in_force(self, place: Place) -> dict[str, Effective]:
        """What is in force in a place, for every key."""
        held = await self.held(place.scopes())
        return {setting.key: effective(setting, held) for setting in self.declarations}

    async def held(self, scopes: Iterable[Scope]) -> list[ScopeValues]:
        """What some scopes hold, in their order."""
        source = self.store if self._recent is None else self._recent
        return await source.get(scopes)

    async def value(self, place: Place, key: str) -> Value | None:
        """One value in force; the declaration's default where nobody set it. KeyError for a key never declared."""
        return (await self.in_force(place))[key].value

    async def update(
        self,
        caller: Caller,
        scope: Scope,
        values: Mapping[str, object],
        cleared: Collection[str] = (),
        *,
        expected_version: int | None = None,
        recovered: bool = False,
    ) -> ScopeValues:
        """Sets and clears values at one scope, all or none. Errors as the contract names them."""
        new = self.declarations.checked(values, scope.kind)
        if both := new.keys() & set(cleared):
            raise InvalidArgument(
                "a setting can't be set and cleared at once",
                reason="SETTING_INVALID",
                fields=dict.fromkeys(both, "is set and cleared"),
            )
        touched = self.declarations.require([*new, *cleared]) if new or cleared else []
        require_right(caller, scope, touched)

        def changed(old: Mapping[str, Value]) -> dict[str, Value]:
            return {key: value for key, value in {**old, **new}.items() if key not in cleared}

        return await self.store.change(scope, changed, expected_version=expected_version, recovered=recovered)

    async def delete(self, caller: Caller, scope: Scope) -> int:
        """Forgets a scope, and for a guild all that lies in it; gives how many scopes held something."""
        require_right(caller, scope, ())
        return await self.store.delete(f"{scope.guild_id}/" if scope.kind is ScopeKind.GUILD else scope.field)


def effective(setting: Setting, held: Iterable[ScopeValues]) -> Effective:
    """The value of one setting, given what the scopes of a place hold, the nearest first."""
    for scope in held:
        if setting.key in scope.values and scope.scope.kind in setting.scopes:
            try:
                # A value that was right when it was set may be wrong for a newer declaration: then it does not count.
                return Effective(setting.checked(scope.values[setting.key]), scope.scope)
            except ValueError:
                continue
    return Effective(setting.default, None)
