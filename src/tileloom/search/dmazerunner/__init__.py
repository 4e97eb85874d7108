"""Searches over dMazeRunner's execution methods: full.py (one space), auto.py (its auto-optimizer), mapper.py."""
