"""The published tables once more, in a lake that other machines read; and shards, which meet in lakes of their own."""
