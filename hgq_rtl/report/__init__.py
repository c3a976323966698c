"""What a design costs, as data and as text."""
