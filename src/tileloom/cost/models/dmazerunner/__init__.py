"""dMazeRunner's analytical model: nest.py (loops and operands), orders.py (reuse), reference.py (costs), model.py."""
