"""What somebody told us that is no STIX: read into observables. Pure."""
