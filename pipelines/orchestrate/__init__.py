"""Dagster: assets, checks, jobs, sensors, resources. What a step does belongs to the plain modules it calls."""
