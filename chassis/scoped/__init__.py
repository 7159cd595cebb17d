"""What guilds, channels and people set: `guildhall.settings.v1`, implemented once for all services.

A service declares its keys, and gets a store, a servicer and a way to ask what is in force in a place. gateway keeps
copies of what it needs for every message in a `SettingsMirror`.
"""

from chassis.scoped.declarations import Declarations, Setting, ValueKind
from chassis.scoped.mirror import SettingsMirror
from chassis.scoped.places import Place, Scope, ScopeKind
from chassis.scoped.service import ScopedSettings

__all__ = ["Declarations", "Place", "Scope", "ScopeKind", "ScopedSettings", "Setting", "SettingsMirror", "ValueKind"]
