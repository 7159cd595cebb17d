"""What somebody with bad intentions could try, tried on the running platform."""
