"""Benchmarks: the load against its floor, its peers and its own history. No test and no product code."""
