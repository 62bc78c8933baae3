"""The version of the API that is served: what a user may write, and what the controller answers."""
