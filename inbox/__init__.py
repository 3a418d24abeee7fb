"""What people touch: the `inbox` command. It parses, asks and prints; it decides nothing."""
