"""Stand-ins for the vendors' APIs, written from the vendors' pages and served on loopback over real HTTP."""
