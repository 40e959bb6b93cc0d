"""The proof over simulated months: nothing is lost unseen. The world here, the verdict in judge.py."""
