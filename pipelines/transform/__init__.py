"""From core to marts: SQL models read, ordered, built and checked. The models themselves are in sql/marts/."""
