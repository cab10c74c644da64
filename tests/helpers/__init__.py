"""What several tests need: models at tiny scale, servers on this machine, programs that are started to be killed."""
