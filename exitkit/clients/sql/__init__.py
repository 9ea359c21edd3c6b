"""Databases by SQLAlchemy: addresses, names, transactions, and what each kind of server knows how to do."""
