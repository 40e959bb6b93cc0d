"""The simulated API beside a warehouse and the demonstration behind `make run`. Production never imports this."""
