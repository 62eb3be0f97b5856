"""Webhooks: made and rotated (desk), fed (collect), posted (deliver), signed, kept off private nets."""
