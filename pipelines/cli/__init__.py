"""The command line. What a command does belongs to the modules that it calls."""
