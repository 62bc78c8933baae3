"""The callback address: made by the controller, checked by the receiver."""
