"""NeuroSpector's optimizers over its scheduling tables, and ours over the same tables."""
