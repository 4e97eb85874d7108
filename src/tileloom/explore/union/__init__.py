"""Union's case studies repeated: layers.py (what they map), studies.py (the presets), claims.py (what agrees)."""
