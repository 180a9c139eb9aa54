"""The nouns, each in the module of its concept. Frozen: a change is a new record.

Strings called `owner`, `place` and `message` are opaque here and to every service: the surface makes them and
the surface reads them. A `role` is a word of the vendors' contract; what it means is for the services.
"""
