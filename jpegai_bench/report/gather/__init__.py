"""What of the store a report is made of."""
