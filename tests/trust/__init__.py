"""What root writes, attacked: see README.md beside this."""
