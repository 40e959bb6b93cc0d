"""What people read in a terminal: numbers, tables, progress, the closing summary. No command belongs here."""
