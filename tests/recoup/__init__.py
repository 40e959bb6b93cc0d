"""The API client against a scripted server on loopback: every bad day of the contract, retries, bounds, secrecy."""
