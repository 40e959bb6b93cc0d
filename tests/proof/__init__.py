"""The proof over simulated months: nothing is lost unseen. The world is in world.py, the verdict in judge.py."""
