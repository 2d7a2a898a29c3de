docs:
	$(MAKE) -C docs
