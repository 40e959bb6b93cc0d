"""Incidents: what went wrong is noticed, kept in a ledger, and told once. What is measured belongs to sql/incidents."""
