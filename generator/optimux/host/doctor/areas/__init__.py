"""The checks, a module an area, in the order in which a person would look."""
