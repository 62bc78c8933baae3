"""Callback addresses: the controller makes them, the receiver checks them."""
