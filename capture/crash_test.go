package capture

func runAsChild() bool { return false }
