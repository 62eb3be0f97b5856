"""What was asked, read: values from outside, one by one, into the one schema of an order."""
