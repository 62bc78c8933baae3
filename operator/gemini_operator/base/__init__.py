"""What every other package may build on, and what knows none of them."""
