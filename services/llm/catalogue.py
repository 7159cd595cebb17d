"""Which models there are: what the configuration names, met with what the providers say they offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from services.llm.counting import Counter
from services.llm.model_settings import ModelSettings
from services.llm.settings import LlmSettings


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be named in a request."""

    name: str
    """`provider/id`, unique."""
    provider: str
    id: str
    """The name the provider knows it by."""
    profile: ModelSettings

    @property
    def label(self) -> str:
        """How people see it."""
        return self.profile.label or self.id

    @property
    def counter(self) -> Counter:
        """Counts tokens for it."""
        return Counter(self.profile.encoding, self.profile.count_margin, self.profile.image_tokens)


class Catalogue:
    """The models of one configuration and one state of discovery. Immutable; made anew when either changes."""

    def __init__(self, settings: LlmSettings, offered: Mapping[str, tuple[str, ...]]) -> None:
        """Args:
        settings: The configuration.
        offered: What each provider said it offers, by provider; one that has not said is missing.
        """
        self._settings = settings
        self._offered = offered
        providers = settings.providers_in_force()
        self._models: dict[str, Model] = {}
        for name, profile in settings.models.items():
            provider, _, tail = name.partition("/")
            if _is_pattern(name) or provider not in providers:
                continue
            model = Model(name, provider, profile.id or tail, profile)
            if provider not in offered or model.id in offered[provider]:
                self._models[name] = model
        named = {(model.provider, model.id) for model in self._models.values()}
        for provider, described in providers.items():
            for model_id in offered.get(provider, ()):
                excluded = any(fnmatchcase(model_id.lower(), pattern) for pattern in described.exclude)
                if (provider, model_id) in named or excluded:
                    continue
                name = f"{provider}/{model_id}"
                self._models[name] = Model(name, provider, model_id, self._profile(name))

    def find(self, name: str) -> Model | None:
        """The model of that name; one without its provider is found if only one provider has it."""
        if name in self._models:
            return self._models[name]
        alike = [model for model in self._models.values() if name in (model.id, model.label)]
        return alike[0] if len(alike) == 1 else None

    def first(self, preferred: Iterable[str]) -> Model | None:
        """The first of the preferred models that is there, else the first there is."""
        for name in preferred:
            if model := self.find(name):
                return model
        return next(iter(self._models.values()), None)

    def all(self) -> list[Model]:
        """Every model, in the configuration's order, then as discovered."""
        return list(self._models.values())

    def route(self, model: Model) -> list[Model]:
        """The model and its fallbacks, those of them that are there."""
        found = [self.find(name) for name in model.profile.fallbacks]
        return [model, *(fallback for fallback in found if fallback is not None and fallback is not model)]

    def _profile(self, name: str) -> ModelSettings:
        return next(
            (
                profile
                for key, profile in self._settings.models.items()
                if _is_pattern(key) and fnmatchcase(name.lower(), key)
            ),
            ModelSettings(),
        )


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")
