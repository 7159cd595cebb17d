"""The board's rows: the only modules that know SQL."""
