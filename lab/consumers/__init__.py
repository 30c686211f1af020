"""The programs that Optimux writes for, wrapped so that a test can hand them an artifact.

Each wrapper raises ``Refused`` with the program's own words when the program complains.
"""
