"""In what the two versions of ZigZag's model differ, and which of their quirks the corrected mode repairs. Only names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tileloom.core.errors import InputError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """name, and the differences:

    narrow_links         accesses toward the lower memory are as many as its width (times its copies) makes necessary
    whole_accesses       access counts are truncated to whole numbers, so up to one access is lost (repaired)
    stationary_reads     an input that the innermost loops do not change is read once (3.9)
    round_up_spatial     a fractional unrolling counts as the next whole number for latency; otherwise as the one below
    round_boost          copies served by one transfer are rounded; otherwise truncated
    capped_halos         an input extent is at most what the file says the input has (padding is not fetched)
    whole_footprints     loop products are rounded up before a footprint is taken
    early_sums           a spatial loop above a memory makes its outputs partial sums for the mapper
    overflow_is_allowed  where no split of a shared memory fits, nothing is allocated to it and the search goes on
    loads_in_spare_time  a transfer that happens once may hide behind the computation where the port is idle

    The quirks of the originals (faithful: True):
    half_shared_overwrites   Q18: of several links with one shared port only the topmost counts when loading; of a
                             layer with one input only the links without shared ports count
    offload_latency_only     Q19: of the links that drain the output only the topmost counts in full, the others one cycle
    inexact_temporal         a temporal loop is ceil(size / (size / n)) in floating point, which can be n + 1
    """

    name: str
    narrow_links: bool = False
    whole_accesses: bool = False
    stationary_reads: bool = False
    round_up_spatial: bool = False
    round_boost: bool = False
    capped_halos: bool = False
    whole_footprints: bool = False
    early_sums: bool = False
    overflow_is_allowed: bool = False
    loads_in_spare_time: bool = False
    half_shared_overwrites: bool = True
    offload_latency_only: bool = False
    inexact_temporal: bool = True

    @property
    def corrected(self) -> Version:
        """The same version with its quirks repaired."""
        return replace(
            self,
            name=f"{self.name}, corrected",
            whole_accesses=False,
            half_shared_overwrites=False,
            offload_latency_only=False,
            inexact_temporal=False,
        )


DEFINES = Version(
    name="defines",
    narrow_links=True,
    round_up_spatial=True,
    whole_footprints=True,
    overflow_is_allowed=True,
    offload_latency_only=True,
)
ZIGZAG39 = Version(
    name="3.9",
    whole_accesses=True,
    stationary_reads=True,
    round_boost=True,
    capped_halos=True,
    early_sums=True,
    loads_in_spare_time=True,
)
VERSIONS = {v.name: v for v in (DEFINES, ZIGZAG39)}


def get_version(name: str, faithful: bool = True) -> Version:
    """A version by name. InputError names the known ones."""
    if name not in VERSIONS:
        raise InputError(
            f"no version '{name}' of ZigZag's model{did_you_mean(name, VERSIONS)}; there are {list(VERSIONS)}"
        )
    return VERSIONS[name] if faithful else VERSIONS[name].corrected
