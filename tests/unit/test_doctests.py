"""Every example in a docstring of the package gives what it says."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import tileloom

MODULES = sorted(m.name for m in pkgutil.walk_packages(tileloom.__path__, "tileloom.") if "__main__" not in m.name)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    outcome = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.failed == 0


def test_examples_are_found() -> None:
    finder = doctest.DocTestFinder()
    found = sum(len(t.examples) for name in MODULES for t in finder.find(import_module(name)))
    assert found > 20
