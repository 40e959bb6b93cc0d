"""What people open: checked copies, Parquet, the Superset bundle. Nothing here changes the work file."""
