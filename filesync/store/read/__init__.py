"""What people and checks ask of the inventory."""
