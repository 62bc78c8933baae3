"""What goes to Google and what comes back: requests from where they are, results to where they go."""
