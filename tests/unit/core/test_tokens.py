"""Words of small notations: the bound on their number."""

import pytest

from tileloom.core.errors import InputError
from tileloom.core.tokens import MAX_TOKENS, tokenize


def test_more_words_than_any_file_has_are_refused() -> None:
    with pytest.raises(InputError, match=r"f\.m:1: more than 1000000 words"):
        tokenize("x " * (MAX_TOKENS + 1), " ", "//", "f.m")
