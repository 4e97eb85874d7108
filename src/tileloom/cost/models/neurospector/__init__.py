"""NeuroSpector's cost model over its own scheduling tables: machine.py packs, analysis.py names the numbers."""
