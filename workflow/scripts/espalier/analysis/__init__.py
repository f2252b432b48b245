"""From records to numbers: the tidy tables and what is computed from them."""
