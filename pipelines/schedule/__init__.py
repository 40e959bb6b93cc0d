"""Cron: when a schedule fires, and how often to poll so that no run leaves the API's window unseen. No Dagster here."""
