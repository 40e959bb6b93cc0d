"""The published tables once more, in a lake that other machines read; of a shard, what its polls brought."""
