"""Who speaks: pure verification of a delivery's signatures."""
