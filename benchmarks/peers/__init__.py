"""The peers, each written as its own documentation recommends; they run in benchmarks/.venv."""
