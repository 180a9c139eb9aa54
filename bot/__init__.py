"""Left empty on purpose: one import here would tie the ground floor to the roof."""
