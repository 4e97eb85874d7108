"""Registries: lazy built-ins, plug-ins through entry points, clashes refused with both owners."""

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from tileloom.core.errors import InputError
from tileloom.core.registry import RegistrationError, Registry, from_module

GROUP = "tileloom.tests"


def plug_in(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str]) -> None:
    points = EntryPoints(EntryPoint(name, value, GROUP) for name, value in entries)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points.select(group=group))


@pytest.fixture
def registry() -> Registry[object]:
    builtin = {"product": from_module("math:prod"), "broken": from_module("no_such_module:thing")}
    return Registry(kind="thing", group=GROUP, builtin=builtin)


def test_listing_imports_nothing(registry: Registry[object]) -> None:
    assert registry.names() == ("product", "broken")


def test_get_imports_what_was_asked_for(registry: Registry[object]) -> None:
    import math

    assert registry.get("product") is math.prod
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        registry.get("broken")


def test_unknown_name_gets_the_nearest(registry: Registry[object]) -> None:
    with pytest.raises(InputError, match=r"no thing 'prodct' \(did you mean 'product'\?\); there are: product, broken"):
        registry.get("prodct")


def test_a_plug_in_is_found(registry: Registry[object], monkeypatch: pytest.MonkeyPatch) -> None:
    import math

    plug_in(monkeypatch, ("root", "math:sqrt"))
    assert registry.names() == ("product", "broken", "root")
    assert registry.get("root") is math.sqrt


def test_a_plug_in_may_not_shadow_a_builtin(registry: Registry[object], monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, ("product", "other:prod"))
    with pytest.raises(RegistrationError, match=r"'product' is registered by Tileloom itself and by .*other:prod"):
        registry.get("product")


def test_two_plug_ins_may_not_share_a_name(registry: Registry[object], monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, ("root", "math:sqrt"), ("root", "cmath:sqrt"))
    with pytest.raises(RegistrationError, match=r"math:sqrt.* and by .*cmath:sqrt"):
        registry.names()
