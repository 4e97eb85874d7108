"""Tileloom: maps deep-learning layers onto spatial accelerators and says what that costs, with proof."""

__version__ = "0.1.0"
