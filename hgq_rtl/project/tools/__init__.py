"""One file per vendor tool that gets scripts of its own."""
