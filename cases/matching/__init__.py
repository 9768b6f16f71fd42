"""Private matching between two desks. Pure: no database, no network (docs/matching.md).

canonical form → item keyed by partner and epoch → how many (count.py), then, once people of both
desks agreed, which (reveal.py). transcript.py is what both sign.
"""
