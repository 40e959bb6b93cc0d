"""The files of deploy/: what they say agrees with the product, and what they do works on a plain machine."""
