"""The private archive: bodies as received, a ledger a poll, their chain. What bodies mean does not belong here."""
