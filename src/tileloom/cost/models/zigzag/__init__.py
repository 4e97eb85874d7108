"""ZigZag's cost model, in the version inside DeFiNES and in version 3.9: one implementation, named differences."""
