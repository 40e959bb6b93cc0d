"""One poll from request to loaded rows, and the recovery of lost runs. How rows are made belongs to load/."""
