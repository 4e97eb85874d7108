"""dMazeRunner's studies: memory.py (sizes at 256 PEs), design.py (the full sweep), validation.py (against Yang et al.),
rapid.py (filters against the whole space), network.py (whole models); results.py and model_result.py make tables of them."""
