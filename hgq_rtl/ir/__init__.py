"""The intermediate representation: exact types, interned nodes, pure graphs."""
