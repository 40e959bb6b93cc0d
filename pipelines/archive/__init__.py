"""The private archive: response bodies as received, and one ledger a poll. What the bodies mean does not belong here."""
