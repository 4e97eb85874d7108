"""Mappers for ZigZag's model: LOMA, the proven optimum for a spatial mapping, and the search for that mapping."""
