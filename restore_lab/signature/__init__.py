"""Seals what a drill measured: keys, DSSE envelopes over evidence, PAdES signatures, and their strict verification."""
