"""Tests, in the order of the flow: settings, archive, gate, load, coverage, models, marts, publish, jobs, command line."""
