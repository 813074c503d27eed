"""Tables of the two kinds of pages."""
