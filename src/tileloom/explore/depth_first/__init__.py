"""Studies of depth-first scheduling: study files, runs of grids and searches, and what they leave on disk."""
