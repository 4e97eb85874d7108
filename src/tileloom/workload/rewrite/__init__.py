"""Algorithms that compute the same result as another problem: TTGT, im2col. See base.py for what one states."""
