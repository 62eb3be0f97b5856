"""Reading docker-compose.yml for the test that starts every service of it."""
