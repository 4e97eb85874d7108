"""Searches over dMazeRunner's execution methods: full.py (one space), auto.py (its auto-optimizer), mapper.py, uneven.py and
chains.py (tiles that need not divide), reasons.py (why there is none)."""
