"""The factors that LOMA orders: primes of the temporal loops, merged until there are few enough. Their orders are in orders.py."""

from __future__ import annotations

from collections.abc import Mapping

from tileloom.mapping.notation.zigzag import TemporalLoop


def prime_factors(number: int) -> list[int]:
    """Primes in ascending order, with repetition.

    >>> prime_factors(12)
    [2, 2, 3]
    """
    found, prime = [], 2
    while prime * prime <= number:
        while number % prime == 0:
            found.append(prime)
            number //= prime
        prime += 1
    return [*found, number] if number > 1 else found


def limited_factors(sizes: Mapping[str, int], limit: int | None) -> tuple[TemporalLoop, ...]:
    """(dimension, factor) of all temporal loops; at most `limit` of them where every dimension keeps one (Q15).

    While there are too many, the two smallest of the dimension with most factors become one; the first such dimension in
    the order of `sizes`. None: all primes.

    >>> limited_factors({"K": 12, "C": 4}, 3)
    (('K', 12), ('C', 2), ('C', 2))
    """
    factors = {dim: prime_factors(size) for dim, size in sizes.items() if size > 1}
    while limit is not None and sum(map(len, factors.values())) > limit:
        widest = max(factors, key=lambda d: len(factors[d]))
        if len(factors[widest]) < 2:
            break
        first, second, *rest = factors[widest]
        factors[widest] = sorted([first * second, *rest])
    return tuple((dim, factor) for dim, listed in factors.items() for factor in listed)
