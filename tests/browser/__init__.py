"""Tests of the report in a real browser; slow, with a make target of their own."""
