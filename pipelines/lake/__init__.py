"""The published tables once more, in a lake that other machines read; nothing of the pipeline reads from it."""
