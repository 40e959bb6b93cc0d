"""The type of the function through which long work says how far it is. How it is shown belongs to console/progress.py."""

from collections.abc import Callable

# What is being done, how many parts of it are done, how many there are.
Progress = Callable[[str, int, int], None]
