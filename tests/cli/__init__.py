"""The command line as a person meets it: help, output, exit codes, one-line errors, and how fast it starts."""
