"""Divisors and prime factors of loop extents. Pure and cached; nothing here knows what the numbers mean."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=65536)
def _prime_factors(number: int) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    rest, prime = number, 2
    while prime * prime <= rest:
        exponent = 0
        while rest % prime == 0:
            rest //= prime
            exponent += 1
        if exponent:
            found.append((prime, exponent))
        prime += 1 if prime == 2 else 2
    if rest > 1:
        found.append((rest, 1))
    return tuple(found)


def prime_factors(number: int) -> dict[int, int]:
    """Prime -> exponent.

    >>> prime_factors(360)
    {2: 3, 3: 2, 5: 1}
    """
    return dict(_prime_factors(number))


@lru_cache(maxsize=65536)
def divisors(number: int) -> tuple[int, ...]:
    """All divisors, ascending.

    >>> divisors(12)
    (1, 2, 3, 4, 6, 12)
    """
    found = [1]
    for prime, exponent in _prime_factors(number):
        found = [d * prime**e for d in found for e in range(exponent + 1)]
    return tuple(sorted(found))


def ceil_div(number: int, divisor: int) -> int:
    return -(-number // divisor)
