"""The simulated API beside a warehouse and the demonstration behind `make run`. Of production, only cli/ imports this."""
