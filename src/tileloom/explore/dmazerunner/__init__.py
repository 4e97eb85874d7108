"""dMazeRunner's studies: memory.py (sizes at 256 PEs), design.py (the full sweep), validation.py (against Yang et al.)."""
