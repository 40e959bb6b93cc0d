"""Which published numbers a later publish told otherwise, and why; no rebuild forgets it."""

from pipelines.restatements.compare import compare
from pipelines.restatements.ledger import confirm, fill

__all__ = ["compare", "confirm", "fill"]
