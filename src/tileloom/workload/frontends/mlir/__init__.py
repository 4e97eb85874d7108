"""A reader of MLIR text of our own: linalg, affine, TOSA and StableHLO, without any MLIR library."""
